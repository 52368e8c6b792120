"""What the denoiser brings to the training loop: patches of pictures, and what it learns from them.

From noisy pictures alone (Neighbor2Neighbor; Huang et al. 2021): two neighbours in a picture show nearly the same
thing with noise of their own. So of each 2 x 2 pixels two neighbours are drawn, one for a small picture that is
denoised, one for another that it is to come close to; a second term corrects for what differs between them beside the
noise. The noise must be each pixel's own: scans that were smoothed, resized or compressed with losses after it came in
teach the network to keep their noise.

From clean pictures: they are given noise of many kinds and levels, and are what is to come out.
"""

from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from models import checkpoint
from models.filters.denoiser import FAMILY, Denoiser, DenoiserConfig, denoise, from_opponent
from tasks.training.data.noisy_patches import Patches
from tasks.training.data.synthetic_noise import spoil
from tasks.training.trainer import Family, Turn

BATCH = 20  # noisy patches a step; a network sees but a quarter of their pixels
BATCH_CLEAN = 8
_GREYED = 0.35  # share of coloured patches that a step sees without their colour
_MASTERED = 0.01  # share of the noise's power that counts as none left
# Of a 2 x 2 cell's pixels (0 1 / 2 3), the pairs of neighbours.
_PAIRS = torch.tensor([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)])


class DenoiserFamily(Family[Denoiser]):
    """A denoiser and its patches.

    Args:
        clean: whether the patches have no noise.
        correction: for noisy patches, the weight of the second term at the end; it grows from nothing.
    """

    name = FAMILY

    def __init__(self, model: Denoiser, patches: Patches, steps: int, clean: bool, correction: float) -> None:
        self.model, self.patches = model, patches
        self._steps, self._clean, self._correction = steps, clean, correction
        self.turns = [Turn([model], betas=(0.9, 0.999), decay=0.0)]

    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        rows = torch.randint(len(self.patches.pixels), (BATCH_CLEAN if self._clean else BATCH,))
        pictures, coloured = _turned(self.patches.pixels[rows]), self.patches.coloured[rows]
        if self._clean:
            return {"loss": clean_loss(self.model, pictures, coloured)}
        return {"loss": neighbour_loss(self.model, pictures, self._correction * step / self._steps)}

    def figures(self, model: Denoiser) -> dict[str, float]:
        return {}

    def sample(self, model: Denoiser, path: Path) -> None:
        """Writes a grid: some patches above, what the network makes of them below."""
        shown = self.patches.pixels[:: max(1, len(self.patches.pixels) // 8)][:8]
        coloured = self.patches.coloured[:: max(1, len(self.patches.pixels) // 8)][:8]
        if self._clean:
            shown, _ = spoil(shown, coloured)
        lights = [from_opponent(p if c else p[:1]) for p, c in zip(shown, coloured, strict=True)]
        with torch.no_grad():
            made = [denoise(model.eval(), light) for light in lights]
        rows = []
        for pictures in (lights, made):
            spread = [((p - q.mean()) / (6 * q.std() + 1e-6) + 0.5) for p, q in zip(pictures, lights, strict=True)]
            rows.append(torch.cat([p.expand(3, -1, -1) for p in spread], 2))
        grid = torch.cat(rows, 1).clamp(0, 1).mul(255).byte().permute(1, 2, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid.numpy()).save(path)

    def save(self, model: Denoiser, folder: Path, steps: int, card: str) -> None:
        config = replace(model.config, steps=model.config.steps + steps)
        checkpoint.save(folder, FAMILY, config, model, card, exact=True)


def build_denoiser(seed: int, start: Denoiser | None) -> Denoiser:
    """A new denoiser, or a copy of `start` to go on with."""
    torch.manual_seed(seed)
    model = Denoiser(start.config if start else DenoiserConfig())
    if start:
        model.load_state_dict(start.state_dict())
    return model


def _turned(patches: Tensor) -> Tensor:
    across, down, over = torch.rand(3) < 0.5
    patches = patches.flip(3) if across else patches
    patches = patches.flip(2) if down else patches
    return patches.transpose(2, 3) if over else patches


def clean_loss(model: nn.Module, clean: Tensor, coloured: Tensor) -> Tensor:
    """How much of the noise that is added stays, as the mean of logarithms: every decibel counts alike at every level.

    Args:
        clean: (n, 3, h, w), opponent channels.
        coloured: (n,) bool.
    """
    greyed = coloured & (torch.rand(len(clean)) < _GREYED)
    grey = torch.cat([clean[:, :1] / 3**0.5, torch.zeros_like(clean[:, 1:])], 1)
    noisy, mean = spoil(torch.where(greyed[:, None, None, None], grey, clean), coloured & ~greyed)
    left = (model(noisy) - mean).square().mean((1, 2, 3))
    added = (noisy - mean).square().mean((1, 2, 3))
    return (left / (added + 1e-12) + _MASTERED).log().mean()


def neighbour_loss(model: nn.Module, noisy: Tensor, correction: float) -> Tensor:
    """The loss of patches (n, c, h, w), each in units of how much its neighbours differ."""
    n, channels, height, width = noisy.shape
    drawn = _PAIRS[torch.randint(len(_PAIRS), (n, 1, height // 2, width // 2))]  # (n, 1, h/2, w/2, 2)
    drawn = drawn.expand(-1, channels, -1, -1, -1)

    def halves(pictures: Tensor) -> tuple[Tensor, Tensor]:
        cells = pictures.view(n, channels, height // 2, 2, width // 2, 2).transpose(3, 4).flatten(4)
        first, second = cells.gather(4, drawn).unbind(4)
        return first, second

    first, second = halves(noisy)
    apart = model(first) - second
    scale = 1 / ((first - second).square().mean((1, 2, 3), keepdim=True) + 1e-12)
    loss = (apart.square() * scale).mean()
    if correction > 0:
        with torch.no_grad():
            clean_first, clean_second = halves(model(noisy))
        loss = loss + correction * ((apart - (clean_first - clean_second)).square() * scale).mean()
    return loss
