"""Training the learned denoiser: patches of pictures, and what it learns from them.

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
from models.device import multiplies_bfloat16
from models.filters.denoiser import FAMILY, Denoiser, DenoiserConfig, denoise, from_opponent, load
from tasks.loading.models import resolve, usable
from tasks.training.data.noisy_patches import Patches, list_archive, read_patches
from tasks.training.data.synthetic_noise import add_noise
from tasks.training.family import Count, Family, OptimizerGroup, Schedule
from tasks.training.options import DenoiserOptions

BATCH = 20  # noisy patches a step; a network sees but a quarter of their pixels
BATCH_CLEAN = 8
_GREYED = 0.35  # share of coloured patches that a step sees without their colour
_EVALUATED = 64  # patches
_MASTERED = 0.01  # share of the noise's power that counts as none left
# Of a 2 x 2 cell's pixels (0 1 / 2 3), the pairs of neighbours.
_PAIRS = torch.tensor([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)])


class DenoiserFamily(Family[Denoiser, DenoiserOptions]):
    """A denoiser and the patches that it learns from."""

    name = FAMILY
    private = True

    archive: str
    start: Denoiser | None
    files: list[str]
    patches: Patches

    def load(self, source: str) -> None:
        self.archive, reference = source, self.options.start
        self.start = None if reference == "none" else usable(lambda: load(resolve(reference)))
        self.files = list_archive(source)

    def encode(self, cache: Path, count: Count) -> None:
        o = self.options
        with count("reading pictures", "pictures", min(o.pictures, len(self.files))) as done:
            self.patches = read_patches(self.archive, self.files, o.pictures, o.patches, o.seed, done, o.clean)
        self.pictures = self.patches.pictures

    def build(self) -> None:
        torch.manual_seed(self.options.seed)
        self.model = Denoiser(self.start.config if self.start else DenoiserConfig())
        if self.start:
            self.model.load_state_dict(self.start.state_dict())
        self.model.to(self.options.device)
        self.optimizer_groups = [OptimizerGroup([self.model], betas=(0.9, 0.999), weight_decay=0.0)]

    def schedule(self) -> Schedule:
        o = self.options
        return Schedule(o.steps, self._rate(), o.seed, average=0.998, bf16=multiplies_bfloat16(o.device))

    def _rate(self) -> float:
        return self.options.rate or (2e-3 if self.options.start == "none" else 2e-4)

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        rows = torch.randint(len(self.patches.pixels), (BATCH_CLEAN if self.options.clean else BATCH,))
        pictures, coloured = _flipped(self.patches.pixels[rows]), self.patches.coloured[rows]
        return {"loss": self._loss(self.model, pictures, coloured, step / self.options.steps)}

    def _loss(self, model: Denoiser, pictures: Tensor, coloured: Tensor, share: float) -> Tensor:
        """The loss of patches (n, 3, h, w) when this share of the training is done."""
        if self.options.clean:
            return clean_loss(model, pictures, coloured)
        return neighbour_loss(model, pictures.to(self.options.device), self.options.correction * share)

    @torch.no_grad()
    def evaluate(self, model: Denoiser) -> dict[str, float]:
        """The loss on some of the patches themselves, with the same noise or neighbours at every call."""
        model.eval()
        torch.manual_seed(0)
        rows = slice(None, None, max(1, len(self.patches.pixels) // _EVALUATED))
        loss = self._loss(model, self.patches.pixels[rows], self.patches.coloured[rows], 0.0)
        return {"loss on its own patches": float(loss)}

    def sample(self, model: Denoiser, path: Path) -> None:
        """Writes a grid: some patches above, what the network makes of them below."""
        shown = self.patches.pixels[:: max(1, len(self.patches.pixels) // 8)][:8]
        coloured = self.patches.coloured[:: max(1, len(self.patches.pixels) // 8)][:8]
        if self.options.clean:
            shown, _ = add_noise(shown, coloured)
        lights = [from_opponent(p if c else p[:1]) for p, c in zip(shown, coloured, strict=True)]
        with torch.no_grad():
            made = [denoise(model.eval(), light.to(self.options.device)).cpu() for light in lights]
        rows = []
        for pictures in (lights, made):
            spread = [((p - q.mean()) / (6 * q.std() + 1e-6) + 0.5) for p, q in zip(pictures, lights, strict=True)]
            rows.append(torch.cat([p.expand(3, -1, -1) for p in spread], 2))
        grid = torch.cat(rows, 1).clamp(0, 1).mul(255).byte().permute(1, 2, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid.numpy()).save(path)

    def save(self, model: Denoiser, folder: Path, steps: int, figures: dict[str, float]) -> None:
        config = replace(model.config, steps=model.config.steps + steps)
        checkpoint.save(folder, FAMILY, config, model, self.card(steps), exact=True)

    def card(self, steps: int) -> str:
        """The model card. It names no file and no folder of the archive: they may be patients'."""
        o = self.options
        seen = (
            "clean pictures, to which Gaussian, Poisson and Rician noise of many levels was added, by\n"
            if o.clean
            else "noisy pictures, without clean ones (Neighbor2Neighbor, Huang et al. 2021), by\n"
        )
        return (
            f"# Denoiser after {steps} steps\n\n"
            f"Trained on {len(self.patches.pixels)} patches of {self.patches.pictures} {seen}"
            f"`imagemill train denoiser ARCHIVE {'--clean ' if o.clean else ''}--steps {o.steps} --start {o.start} "
            f"--patches {o.patches} --rate {self._rate()} --correction {o.correction} --seed {o.seed}`.\n\n"
            "For pictures like those, with noise that is each pixel's own. What it takes for noise is gone: compare "
            "with the original before a diagnosis.\n"
        )


def _flipped(patches: Tensor) -> Tensor:
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
    noisy, mean = add_noise(torch.where(greyed[:, None, None, None], grey, clean), coloured & ~greyed)
    device = next(model.parameters()).device  # noise is drawn on the processor, the same for every device
    noisy, mean = noisy.to(device), mean.to(device)
    left = (model(noisy) - mean).square().mean((1, 2, 3))
    added = (noisy - mean).square().mean((1, 2, 3))
    return (left / (added + 1e-12) + _MASTERED).log().mean()


def neighbour_loss(model: nn.Module, noisy: Tensor, correction: float) -> Tensor:
    """The loss of patches (n, c, h, w), each in units of how much its neighbours differ."""
    n, channels, height, width = noisy.shape
    drawn = _PAIRS[torch.randint(len(_PAIRS), (n, 1, height // 2, width // 2))]  # (n, 1, h/2, w/2, 2)
    drawn = drawn.to(noisy.device).expand(-1, channels, -1, -1, -1)

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
