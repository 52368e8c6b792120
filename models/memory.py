"""The memory of a retrieval-augmented generator: one compressed sprite a concept, and the decoder that draws it.

A sprite is (4, 128, 128), colour premultiplied by coverage. It is kept as int8 codes of its non-empty 8x8 patches in
a basis found in closed form (PCA); the decoder adds to the linear reconstruction what a small residual network sees
that single patches cannot: edges across patches and fine texture.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EDGE = 128
PATCH = 8
GRID = EDGE // PATCH
_VALUES = 4 * PATCH * PATCH


def _patches(sprites: Tensor) -> Tensor:
    """(n, 4, 128, 128) to (n, 256 patches, 256 values)."""
    return F.unfold(sprites, PATCH, stride=PATCH).transpose(1, 2)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip connection, with an optional shift and scale from a condition."""

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(condition, 2 * channels) if condition else None
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        h = self.first(F.silu(x))
        if self.film is not None and condition is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        return x + self.second(F.silu(h))


class SpriteMemory(nn.Module):
    """Codes of `concepts` sprites, of which `filled` patches are not empty, and their decoder."""

    def __init__(self, concepts: int, filled: int, channels: int = 20, width: int = 80, blocks: int = 4) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(filled, channels, dtype=torch.int8))
        self.register_buffer("present", torch.zeros(concepts, GRID * GRID, dtype=torch.bool))
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer("basis", torch.zeros(channels, _VALUES))
        self.register_buffer("mean", torch.zeros(_VALUES))
        self.register_buffer("starts", torch.zeros(concepts + 1, dtype=torch.int64), persistent=False)
        self.enter = nn.Conv2d(channels + 1, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(blocks))
        self.leave = nn.Conv2d(width, _VALUES, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.drawn: dict[int, Tensor] = {}

    def index(self) -> None:
        """Finds where each concept's patches begin; to be called once the buffers are filled."""
        self.starts[1:] = self.present.sum(1).cumsum(0)

    @torch.no_grad()
    def fit(self, sprites: Tensor) -> None:
        """Fits the basis to the sprites (concepts, 4, 128, 128) and stores their codes."""
        patches = _patches(sprites)
        present = patches.abs().amax(2) > 2 / 255
        filled = patches[present]
        self.mean.copy_(filled.mean(0))
        centred = filled - self.mean
        _, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        channels = len(self.scale)
        self.basis.copy_(vectors[:, -channels:].flip(1).T)
        coded = centred @ self.basis.T
        self.scale.copy_(coded.abs().quantile(0.999, dim=0).clamp(min=1e-3) / 127)  # a few outliers may saturate
        self.codes.copy_((coded / self.scale).round().clamp(-127, 127))
        self.present.copy_(present)
        self.index()

    def _grid(self, concept: int) -> tuple[Tensor, Tensor]:
        """A concept's codes (channels, 16, 16) and which patches are there (1, 16, 16)."""
        there = self.present[concept]
        codes = torch.zeros(GRID * GRID, len(self.scale))
        codes[there] = self.codes[self.starts[concept] : self.starts[concept + 1]] * self.scale
        return codes.T.reshape(-1, GRID, GRID), there.reshape(1, GRID, GRID).float()

    def forward(self, concepts: list[int]) -> Tensor:
        """The sprites of the concepts, (n, 4, 128, 128)."""
        grids = [self._grid(c) for c in concepts]
        codes, there = torch.stack([g[0] for g in grids]), torch.stack([g[1] for g in grids])
        values = torch.einsum("nchw,cv->nvhw", codes, self.basis) + self.mean[None, :, None, None]
        hidden = self.enter(torch.cat([codes, there], 1))
        for block in self.blocks:
            hidden = block(hidden)
        return F.pixel_shuffle(values * there + self.leave(F.silu(hidden)), PATCH)

    @torch.no_grad()
    def draw(self, concept: int) -> Tensor:
        """One finished sprite, kept for the next time: a sprite depends on nothing but its concept."""
        if concept not in self.drawn:
            sprite = self([concept])[0].clamp(0, 1)
            sprite[:, sprite[3] < 4 / 255] = 0
            self.drawn[concept] = torch.cat([torch.minimum(sprite[:3], sprite[3:]), sprite[3:]])
        return self.drawn[concept]


def filled_patches(sprites: Tensor) -> int:
    """How many patches of the sprites are not empty, which is how many codes a memory needs."""
    return int((_patches(sprites).abs().amax(2) > 2 / 255).sum())
