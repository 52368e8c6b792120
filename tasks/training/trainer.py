"""The training loop of all families. A step depends on its number and the seed alone.

Order of the data, noise and dropout are functions of (seed, step), so a run that was killed and goes on from its last
state ends with the same weights as one that was not.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.checkpoint import NotFinite, save_tensors
from tasks.runfolder.errors import BadInput
from tasks.training.family import AnyFamily, OptimizerGroup
from tasks.training.losses_log import log_losses
from tasks.training.output_folder import STATE

WARM_UP = 100  # steps


class Trainer:
    """Holds a family's optimisers and the average of its weights; `fit` takes the steps that are left."""

    def __init__(self, family: AnyFamily) -> None:
        self.family, self.schedule = family, family.schedule()
        self.done = 0
        self._optimizers = [
            torch.optim.AdamW(
                group.parameters(), self._peak_rate(group), betas=group.betas, weight_decay=group.weight_decay
            )
            for group in family.optimizer_groups
        ]
        self._average = None
        if self.schedule.average:
            self._average = AveragedModel(family.model, multi_avg_fn=self._update_averages, use_buffers=True)
            self._average.requires_grad_(False)

    @property
    def model(self) -> Any:
        """The model to evaluate and to save: the average of the weights where one is kept."""
        return self.family.model if self._average is None else self._average.module

    def fit(
        self,
        folder: Path,
        every: int,
        stepped: Callable[[dict[str, float]], None],
        sampled: Callable[[Path, int], None],
    ) -> None:
        """Takes the steps that are left; after each `every` and the last, writes to `folder` all that is made of them.

        That is a row of `losses.csv`, the checkpoint, the state to resume from and `samples/NNNNNN.png`.

        Args:
            stepped: is told the losses after each step.
            sampled: is told the path of each sample grid and the steps that are done.

        Raises:
            BadInput: a loss or a weight is no longer finite; the last good checkpoint stays.
        """
        since: list[dict[str, float]] = []  # losses since the last checkpoint
        while self.done < self.schedule.steps:
            since.append(self.step())
            stepped(since[-1])
            if self.done % every == 0 or self.done == self.schedule.steps:
                log_losses(folder / "losses.csv", self.done, since)
                since.clear()
                self.save_checkpoint(folder)
                self.save_state(folder / STATE)  # last: when it says that a step is done, its checkpoint is there
                grid = folder / "samples" / f"{self.done:06d}.png"
                self.family.sample(self.model, grid)
                sampled(grid, self.done)

    def step(self) -> dict[str, float]:
        """Takes one step and returns its losses. Raises BadInput when they are no longer finite."""
        torch.manual_seed((self.schedule.seed * 1_000_003 + self.done) & 0x7FFFFFFF)
        self.family.model.train()
        losses: dict[str, float] = {}
        for number in range(len(self._optimizers)):
            losses |= self._update(number)
        if self._average is not None:
            self._average.update_parameters(self.family.model)
        self.done += 1
        return losses

    def _update(self, number: int) -> dict[str, float]:
        """Moves the weights of one optimiser by one step."""
        group, optimizer = self.family.optimizer_groups[number], self._optimizers[number]
        for parameters in optimizer.param_groups:
            parameters["lr"] = self._peak_rate(group) * self._rate_now()
        device = optimizer.param_groups[0]["params"][0].device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.schedule.bf16):
            losses = self.family.losses(number, self.done)
        weights = self.family.loss_weights
        total = sum((weights.get(name, 1.0) * loss for name, loss in losses.items()), torch.zeros(()))
        if not total.isfinite():
            raise BadInput(f"The loss stopped being a number at step {self.done}: use a smaller --rate.")
        optimizer.zero_grad()
        total.backward()
        for module in group.modules:  # each by itself: one module's large gradients must not mute another's
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        return {name: loss.item() for name, loss in losses.items()}

    def _peak_rate(self, group: OptimizerGroup) -> float:
        return self.schedule.rate * group.lr_scale

    def _rate_now(self) -> float:
        """The learning rate of the next step as a share of the highest: warm-up, then half a cosine down to 2%."""
        steps = self.schedule.steps
        warm = min(1.0, (self.done + 1) / min(WARM_UP, steps))
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done / steps)))

    def _update_averages(self, averages: Sequence[Tensor], weights: Sequence[Tensor], updates: Tensor | int) -> None:
        keep = min(self.schedule.average, (1 + int(updates)) / (10 + int(updates)))  # young averages forget faster
        if averages[0].is_floating_point():  # they come by type
            torch._foreach_lerp_(list(averages), list(weights), 1 - keep)
        else:
            torch._foreach_copy_(list(averages), list(weights))

    def save_checkpoint(self, folder: Path, figures: dict[str, float] | None = None) -> None:
        """Writes the model with its card, which tells the figures. Raises BadInput where weights are not finite."""
        try:
            self.family.save(self.model, folder, self.done, figures or {})
        except NotFinite as error:
            raise BadInput(
                f"The weights stopped being numbers that a checkpoint can hold by step {self.done} ({error}): use a "
                "smaller --rate. Nothing was written over the last good checkpoint."
            ) from None

    def save_state(self, path: Path) -> None:
        """Writes everything that the next step depends on to one file, at once or not at all."""
        tensors = {f"model/{name}": tensor for name, tensor in self.family.model.state_dict().items()}
        if self._average is not None:
            tensors |= {f"average/{name}": tensor.clone() for name, tensor in self._average.state_dict().items()}
        for number, optimizer in enumerate(self._optimizers):
            for i, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimiser/{number}/{i}/{n}": torch.as_tensor(value) for n, value in state.items()}
        save_tensors(path, tensors, {"step": str(self.done)})

    def resume(self, path: Path) -> None:
        """Goes on from `save_state`'s file. Raises BadInput when it is damaged or belongs to another model."""
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
        for number, optimizer in enumerate(self._optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _below(f"optimiser/{number}", tensors).items():
                i, key = name.split("/")
                state.setdefault(int(i), {})[key] = tensor
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.done = done
        self.family.resumed()


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(f"{prefix}/"): t for n, t in tensors.items() if n.startswith(f"{prefix}/")}
