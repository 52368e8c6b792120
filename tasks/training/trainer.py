"""The training loop that all families share: one step, and all that a step depends on: its number and the seed.

Order of the data, noise and dropout are functions of (seed, step), so a run that was killed and goes on from its last
state ends with the same weights as one that was not.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.checkpoint import save_tensors
from tasks.runfolder.errors import BadInput
from tasks.training.output_folder import STATE

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Schedule:
    """How long training goes on, and how fast it learns."""

    steps: int
    rate: float  # highest learning rate; it warms up over 100 steps, then falls along a cosine
    seed: int
    average: float = 0.0  # share of the weights' moving average that a step keeps; 0 keeps none
    bf16: bool = False  # losses are computed in bfloat16 where torch holds that to be safe


@dataclass(frozen=True)
class Turn:
    """What one optimiser of a step updates. Gradients are clipped in each part by itself."""

    parts: Sequence[nn.Module]
    betas: tuple[float, float] = (0.9, 0.98)
    decay: float = 0.02
    pace: float = 1.0  # its learning rate as a multiple of the schedule's


class Family(ABC, Generic[Model]):
    """What a family of models brings to the loop."""

    name: ClassVar[str]
    model: Model
    turns: Sequence[Turn]
    weights: ClassVar[dict[str, float]] = {}  # of losses; those that are not here count once

    @abstractmethod
    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        """The losses of one turn of a step; all that is random comes from torch's default generator."""

    @abstractmethod
    def figures(self, model: Model) -> dict[str, float]:
        """How well a model (the weights' average, where one is kept) does on what was held out."""

    @abstractmethod
    def sample(self, model: Model, path: Path) -> None:
        """Writes a grid of pictures to look at."""

    @abstractmethod
    def save(self, model: Model, folder: Path, steps: int, card: str) -> None:
        """Writes a checkpoint that `load_generator` reads."""

    def resumed(self) -> None:
        """Is called when the model's weights have been replaced by those of an interrupted training."""


class Loop:
    """Holds a family's optimisers and the weights' average; `step` takes one step."""

    def __init__(self, family: Family[Any], schedule: Schedule) -> None:
        self.family, self.schedule = family, schedule
        self.done = 0
        self._rates = [schedule.rate * turn.pace for turn in family.turns]
        self._optimisers = [
            torch.optim.AdamW(_learning(turn), schedule.rate * turn.pace, betas=turn.betas, weight_decay=turn.decay)
            for turn in family.turns
        ]
        self._average = None
        if schedule.average:
            self._average = AveragedModel(family.model, multi_avg_fn=self._move, use_buffers=True)
            self._average.requires_grad_(False)

    def _move(self, averages: Sequence[Tensor], weights: Sequence[Tensor], moved: Tensor | int) -> None:
        keep = min(self.schedule.average, (1 + int(moved)) / (10 + int(moved)))  # young averages forget faster
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, 1 - keep)
            else:
                average.copy_(weight)

    @property
    def model(self) -> Any:
        """The model to judge and to keep: the average of the weights where one is kept."""
        return self.family.model if self._average is None else self._average.module

    def step(self) -> dict[str, float]:
        """Takes one step and returns its losses. Raises BadInput when they are no longer finite."""
        s = self.schedule
        torch.manual_seed((s.seed * 1_000_003 + self.done) & 0x7FFFFFFF)
        self.family.model.train()
        warm = min(1.0, (self.done + 1) / min(100, s.steps))
        share = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done / s.steps)))
        shown: dict[str, float] = {}
        for number, (turn, optimiser) in enumerate(zip(self.family.turns, self._optimisers, strict=True)):
            for group in optimiser.param_groups:
                group["lr"] = self._rates[number] * share
            device = group["params"][0].device.type
            with torch.autocast(device, torch.bfloat16, enabled=s.bf16):
                losses = self.family.losses(number, self.done)
            total = sum((self.family.weights.get(n, 1.0) * loss for n, loss in losses.items()), torch.zeros(()))
            if not total.isfinite():
                raise BadInput(f"The loss stopped being a number at step {self.done}: use a smaller --rate.")
            optimiser.zero_grad()
            total.backward()
            for part in turn.parts:  # each by itself: one part's large gradients must not mute another's
                nn.utils.clip_grad_norm_(part.parameters(), 1.0)
            optimiser.step()
            shown |= {name: loss.item() for name, loss in losses.items()}
        if self._average is not None:
            self._average.update_parameters(self.family.model)
        self.done += 1
        return shown

    def keep(self, folder: Path, card: str) -> None:
        """Writes the checkpoint and the state. Raises BadInput when the weights are no longer numbers it can hold."""
        if not all(weight.detach().half().isfinite().all() for weight in self.model.parameters()):
            raise BadInput(f"The weights stopped being numbers by step {self.done}: use a smaller --rate.")
        # The weights first: when the state says that a step is done, its checkpoint is there.
        self.family.save(self.model, folder, self.done, card)
        self.save(folder / STATE)

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on to one file, at once or not at all."""
        tensors = {f"model/{name}": tensor for name, tensor in self.family.model.state_dict().items()}
        if self._average is not None:
            tensors |= {f"average/{name}": tensor.clone() for name, tensor in self._average.state_dict().items()}
        for turn, optimiser in enumerate(self._optimisers):
            for i, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser/{turn}/{i}/{n}": torch.as_tensor(value) for n, value in state.items()}
        save_tensors(path, tensors, {"step": str(self.done)})

    def resume(self, path: Path) -> None:
        """Goes on from `save`'s file. Raises BadInput when it is damaged or belongs to another model."""
        try:
            with safe_open(path, "pt") as file:
                done = int(file.metadata()["step"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            self.family.model.load_state_dict(_below("model", tensors))
            if self._average is not None:
                self._average.load_state_dict(_below("average", tensors))
        except (SafetensorError, OSError, TypeError, KeyError) as error:  # or it is no state at all
            raise BadInput(f"{path} is damaged ({error}): choose a new --out folder and train again.") from None
        except RuntimeError as error:
            raise BadInput(f"{path} was written by another training: choose a new --out folder. ({error})") from None
        for turn, optimiser in enumerate(self._optimisers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _below(f"optimiser/{turn}", tensors).items():
                i, key = name.split("/")
                state.setdefault(int(i), {})[key] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        self.done = done
        self.family.resumed()


def _learning(turn: Turn) -> list[nn.Parameter]:
    return [p for part in turn.parts for p in part.parameters() if p.requires_grad]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(f"{prefix}/"): t for n, t in tensors.items() if n.startswith(f"{prefix}/")}


def rows_of(pool: Tensor, amount: int, step: int, seed: int, stream: int) -> list[int]:
    """Which rows of a pool a step takes: a permutation an epoch, read on without a gap."""
    rows = []
    for at in range(step * amount, (step + 1) * amount):
        epoch, place = divmod(at, len(pool))
        rows.append(int(pool[_permutation(len(pool), seed, stream, epoch)[place]]))
    return rows


_kept: dict[tuple[int, int, int], tuple[int, Tensor]] = {}


def _permutation(size: int, seed: int, stream: int, epoch: int) -> Tensor:
    key = (size, seed, stream)
    if key not in _kept or _kept[key][0] != epoch:
        source = torch.Generator().manual_seed((seed * 7919 + stream) * 100_003 + epoch)
        _kept[key] = epoch, torch.randperm(size, generator=source)
    return _kept[key][1]
