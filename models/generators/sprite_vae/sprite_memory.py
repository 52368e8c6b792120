"""The memory of a retrieval-augmented generator: one compressed sprite per concept, and the decoder that draws it.

A sprite is (4, 128, 128), colour premultiplied by coverage. It is stored as codes of its non-empty 8x8 patches in a PCA
basis, the first eight components at 8 bits, the others at 4. The decoder adds to the linear reconstruction a learned
residual for what single patches miss: edges across patches and fine texture. The few sprites that fill a whole image (a
skyline, rain) are stored uncompressed.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EDGE = 128
PATCH = 8
GRID = EDGE // PATCH
FINE = 8  # codes a patch at 8 bits
COARSE = 24  # codes a patch at 4 bits
_VALUES = 4 * PATCH * PATCH


def _patches(sprites: Tensor) -> Tensor:
    """(n, 4, 128, 128) to (n, 256 patches, 256 values)."""
    return F.unfold(sprites, PATCH, stride=PATCH).transpose(1, 2)


def _visible(patches: Tensor) -> Tensor:
    return patches.abs().amax(2) > 3 / 255


def filled_patches(sprites: Tensor) -> int:
    """How many patches of sprites (n, 4, edge, edge) in [0, 1] are not empty: the number of codes a memory needs."""
    return int(_visible(_patches(sprites)).sum())


def zero_init(layer: nn.Module) -> None:
    """Zero-initialises the last layer of a residual branch, so that it starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip connection, with an optional shift and scale (FiLM) from a condition."""

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(condition, 2 * channels) if condition else None
        zero_init(self.second)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(batch, channels, h, w) and a condition (batch, condition) to the same shape."""
        h = self.first(F.silu(x))
        if self.film is not None and condition is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        return x + self.second(F.silu(h))


class SpriteMemory(nn.Module):
    """The first `coded` concepts as codes of `filled` patches, `whole` more uncompressed, and the codes' decoder."""

    fine: Tensor
    coarse: Tensor
    present: Tensor
    scale: Tensor
    basis: Tensor
    mean: Tensor
    whole: Tensor
    starts: Tensor

    def __init__(self, coded: int, whole: int, filled: int, width: int = 80, blocks: int = 4) -> None:
        super().__init__()
        codes = FINE + COARSE
        self.coded = coded
        self.register_buffer("fine", torch.zeros(filled, FINE, dtype=torch.int8))
        self.register_buffer("coarse", torch.zeros(filled, COARSE // 2, dtype=torch.uint8))  # two codes a byte
        self.register_buffer("present", torch.zeros(coded, GRID * GRID, dtype=torch.bool))
        self.register_buffer("scale", torch.ones(codes))
        self.register_buffer("basis", torch.zeros(codes, _VALUES))
        self.register_buffer("mean", torch.zeros(_VALUES))
        self.register_buffer("whole", torch.zeros(whole, 4, EDGE, EDGE, dtype=torch.uint8))
        self.register_buffer("starts", torch.zeros(coded + 1, dtype=torch.int64), persistent=False)
        self.enter = nn.Conv2d(codes + 1, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(blocks))
        self.leave = nn.Conv2d(width, _VALUES, 3, padding=1)
        zero_init(self.leave)
        self.drawn: dict[int, Tensor] = {}

    def index(self) -> None:
        """Computes where each concept's patches begin; to be called once the buffers are filled."""
        self.starts[1:] = self.present.sum(1).cumsum(0)

    @torch.no_grad()
    def fit(self, sprites: Tensor) -> None:
        """Fits the basis to the coded sprites (the first of (concepts, 4, 128, 128)) and stores all of them."""
        self.whole.copy_((sprites[self.coded :] * 255).round())
        patches = _patches(sprites[: self.coded])
        present = _visible(patches)
        filled = patches[present]
        self.mean.copy_(filled.mean(0))
        centred = filled - self.mean
        _, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        self.basis.copy_(vectors[:, -len(self.scale) :].flip(1).T)
        values = centred @ self.basis.T
        sample = values[:: max(1, len(values) // 50_000)]
        self.scale[:FINE] = sample[:, :FINE].abs().quantile(0.999, dim=0).clamp(min=1e-4) / 127  # outliers saturate
        self.scale[FINE:] = sample[:, FINE:].std(0).clamp(min=1e-4) * 0.6  # best step for 16 levels of these codes
        steps = (values / self.scale).round()
        self.fine.copy_(steps[:, :FINE].clamp(-127, 127))
        nibbles = (steps[:, FINE:].clamp(-8, 7) + 8).to(torch.uint8)
        self.coarse.copy_(nibbles[:, ::2] * 16 + nibbles[:, 1::2])
        self.present.copy_(present)
        self.index()

    def _grid(self, concept: int) -> tuple[Tensor, Tensor]:
        """A concept's codes (codes, 16, 16) and the mask of its non-empty patches (1, 16, 16)."""
        there = self.present[concept]
        rows = slice(int(self.starts[concept]), int(self.starts[concept + 1]))
        nibbles = torch.stack([self.coarse[rows] >> 4, self.coarse[rows] & 15], 2).flatten(1)
        steps = torch.cat([self.fine[rows].float(), nibbles.float() - 8], 1)
        codes = self.scale.new_zeros(GRID * GRID, len(self.scale))
        codes[there] = steps * self.scale
        return codes.T.reshape(-1, GRID, GRID), there.reshape(1, GRID, GRID).float()

    def forward(self, concepts: list[int]) -> Tensor:
        """The sprites of coded concepts, (n, 4, 128, 128)."""
        grids = [self._grid(c) for c in concepts]
        codes, there = torch.stack([g[0] for g in grids]), torch.stack([g[1] for g in grids])
        values = torch.einsum("nchw,cv->nvhw", codes, self.basis) + self.mean[None, :, None, None]
        hidden = self.enter(torch.cat([codes, there], 1))
        for block in self.blocks:
            hidden = block(hidden)
        return F.pixel_shuffle(values * there + self.leave(F.silu(hidden)), PATCH)

    @torch.no_grad()
    def draw(self, concept: int) -> Tensor:
        """A concept's sprite (4, 128, 128) in [0, 1], decoded once and cached in 8 bits."""
        if concept >= self.coded:
            return self.whole[concept - self.coded].float() / 255
        if concept not in self.drawn:
            sprite = self([concept])[0].clamp(0, 1)
            sprite[:, sprite[3] < 4 / 255] = 0
            colour = torch.minimum(sprite[:3], sprite[3:])
            self.drawn[concept] = (torch.cat([colour, sprite[3:]]) * 255).round().to(torch.uint8)
        return self.drawn[concept].float() / 255
