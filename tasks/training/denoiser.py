"""One training step of the denoiser, which sees noisy pictures alone (Neighbor2Neighbor; Huang et al. 2021).

Two neighbours in a picture show nearly the same thing with noise of their own. So of each 2 x 2 pixels two neighbours
are drawn, one for a small picture that is denoised, one for another that it is to come close to; a second term corrects
for what differs between them beside the noise. The noise must be each pixel's own: scans that were smoothed, resized or
compressed with losses after it came in teach the network to keep their noise.

All that a step depends on is the step's number and the seed, so a run that was killed and goes on from its last state
ends with the same weights as one that was not.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn

from models.checkpoint import save_tensors
from models.denoiser import Denoiser, DenoiserConfig, denoise
from tasks.errors import BadInput
from tasks.training.archive import Patches

BATCH = 48
_SMOOTH = 0.998  # of the running mean of the weights, which is what is kept
# Of a 2 x 2 cell's pixels (0 1 / 2 3), the pairs of neighbours.
_PAIRS = torch.tensor([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)])


@dataclass(frozen=True)
class Schedule:
    """How training goes on."""

    steps: int
    rate: float
    correction: float  # weight of the second term at the end; it grows from nothing
    seed: int


class Trainer:
    """A denoiser in training, and the mean of its latest weights."""

    def __init__(self, patches: Patches, schedule: Schedule, start: Denoiser | None = None) -> None:
        torch.manual_seed(schedule.seed)
        config = start.config if start else DenoiserConfig()
        self.model, self.mean = Denoiser(config), Denoiser(config).requires_grad_(False)
        if start:
            self.model.load_state_dict(start.state_dict())
        self.mean.load_state_dict(self.model.state_dict())
        self.patches = patches
        self.schedule = schedule
        self.done = 0
        self.optimiser = torch.optim.Adam(self.model.parameters(), schedule.rate)

    def step(self) -> float:
        """Takes one step and returns its loss; doing nothing has 1. Raises BadInput when it is not finite."""
        s = self.schedule
        source = torch.Generator().manual_seed((s.seed * 1_000_003 + self.done) & 0x7FFFFFFF)
        warm = min(1.0, (self.done + 1) / min(100, s.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = s.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done / s.steps)))
        rows = torch.randint(len(self.patches.pixels), (BATCH,), generator=source)
        noisy = self._turned(self.patches.pixels[rows], source)
        loss = neighbour_loss(self.model, noisy, s.correction * self.done / s.steps, source)
        if not loss.isfinite():
            raise BadInput(f"The loss stopped being a number at step {self.done}: use a smaller --rate.")
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.done += 1
        keep = min(_SMOOTH, self.done / (self.done + 9))
        with torch.no_grad():
            for mean, weight in zip(self.mean.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(weight, 1 - keep)
        return loss.item()

    @staticmethod
    def _turned(patches: Tensor, source: torch.Generator) -> Tensor:
        across, down, over = torch.rand(3, generator=source) < 0.5
        patches = patches.flip(3) if across else patches
        patches = patches.flip(2) if down else patches
        return patches.transpose(2, 3) if over else patches

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on to one file, at once or not at all."""
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"mean/{name}": tensor for name, tensor in self.mean.state_dict().items()}
        for i, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{i}/{name}": torch.as_tensor(value) for name, value in state.items()}
        save_tensors(path, tensors, {"step": str(self.done)})

    def resume(self, path: Path) -> None:
        """Goes on from `save`'s file."""
        state: dict[int, dict[str, Tensor]] = {}
        weights: dict[str, dict[str, Tensor]] = {"model": {}, "mean": {}}
        with safe_open(path, "pt") as file:
            self.done = int(file.metadata()["step"])
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                part, _, rest = name.partition("/")
                if part == "optimiser":
                    number, key = rest.split("/")
                    state.setdefault(int(number), {})[key] = file.get_tensor(name)
                else:
                    weights[part][rest] = file.get_tensor(name)
        self.model.load_state_dict(weights["model"])
        self.mean.load_state_dict(weights["mean"])
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})

    @torch.no_grad()
    def sample(self, path: Path) -> None:
        """Writes a grid: some patches above, what the network makes of them below."""
        shown = self.patches.pixels[:: max(1, len(self.patches.pixels) // 8)][:8, 0]
        made = torch.stack([denoise(self.mean, patch[None])[0] for patch in shown])
        scale = shown.flatten(1).std(1).view(-1, 1, 1) * 6 + 1e-6
        grid = torch.cat([torch.cat(list(p / scale + 0.5), -1) for p in (shown, made)], -2)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((grid.clamp(0, 1) * 255).byte().numpy()).save(path)

    def config(self) -> DenoiserConfig:
        return replace(self.model.config, steps=self.model.config.steps + self.done)


def neighbour_loss(model: nn.Module, noisy: Tensor, correction: float, source: torch.Generator) -> Tensor:
    """The loss of patches (n, 1, h, w), each in units of how much its neighbours differ."""
    n, _, height, width = noisy.shape
    drawn = _PAIRS[torch.randint(len(_PAIRS), (n, height // 2, width // 2), generator=source)]  # (n, h/2, w/2, 2)

    def halves(pictures: Tensor) -> tuple[Tensor, Tensor]:
        cells = pictures.view(n, height // 2, 2, width // 2, 2).permute(0, 1, 3, 2, 4).flatten(3)
        first, second = cells.gather(3, drawn).unbind(3)
        return first[:, None], second[:, None]

    first, second = halves(noisy)
    apart = model(first) - second
    scale = 1 / ((first - second).square().mean((1, 2, 3), keepdim=True) + 1e-12)
    loss = (apart.square() * scale).mean()
    if correction > 0:
        with torch.no_grad():
            clean_first, clean_second = halves(model(noisy))
        loss = loss + correction * ((apart - (clean_first - clean_second)).square() * scale).mean()
    return loss
