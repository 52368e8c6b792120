"""Augmentation of the pictures that the judge learns from.

Pictures are moved, blurred, brightened and made noisy, so that the judge knows a thing in the softer pictures of other
families too. Four pictures of single things make a mosaic (as in YOLOv4, Bochkovskiy 2020), and sprites are pasted onto
scenes and plain backgrounds (as in Ghiasi 2021), half of those that may have another colour in one of the eleven: every
concept is seen large and small, by itself and among others, and what may have any colour is known by its shape.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from models.generators.sprite_vae.compositor import paint
from models.generators.sprite_vae.recolour import COLOURS, recolour
from models.judge.model import EDGE
from tasks.datasets.emoji.backdrops import LIGHT, PLAIN
from tasks.training.data.judge_pictures import JudgePictures, LabelledBatch

_MOVED = EDGE // 16  # pixels that a picture is moved at most
_AMONG = 0.17, 0.55  # the smallest and the largest size of a sprite that is pasted into a scene, as shares of its edge,
_ALONE = 0.5, 0.9  # and of one on a plain background


def concatenated(parts: list[LabelledBatch]) -> LabelledBatch:
    """One batch of several."""
    first = torch.tensor([0, *(len(part.place) for part in parts[:-1])]).cumsum(0).tolist()
    moved = [replace(part, picture=part.picture + start) for part, start in zip(parts, first, strict=True)]
    return LabelledBatch(
        *(torch.cat([getattr(part, name) for part in moved]) for name in LabelledBatch.__dataclass_fields__)
    )


def mosaic(seen: LabelledBatch) -> LabelledBatch:
    """Makes every four pictures the quarters of one, which has the place and the sky of the first."""
    quarters = F.avg_pool2d(seen.pictures, 2).unflatten(0, (-1, 2, 2))  # (n, down, across, 3, height, width)
    pictures = quarters.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, EDGE, EDGE)
    corner = torch.stack([seen.picture % 2, seen.picture % 4 // 2], 1) / 2
    return LabelledBatch(
        pictures, seen.picture // 4, seen.what, seen.where / 2 + corner, seen.place[::4], seen.sky[::4]
    )


def augmented(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Moves, blurs, brightens pictures (n, 3, 128, 128) in [0, 1] and adds noise.

    Returns them, and by how much (n, 2), as fractions of the edge, each was moved.
    """
    n = len(pictures)
    padded = F.pad(pictures, (_MOVED,) * 4, mode="replicate")
    shift = torch.randint(0, 2 * _MOVED + 1, (n, 2))
    moved = torch.stack([p[:, y : y + EDGE, x : x + EDGE] for p, (x, y) in zip(padded, shift.tolist(), strict=True)])
    soft = F.interpolate(F.avg_pool2d(moved, 2), scale_factor=2, mode="bilinear", align_corners=False)
    moved = moved + (soft - moved) * (torch.rand(n, 1, 1, 1) * 1.6 - 0.6).clamp(min=0)
    moved = (moved - 0.5) * (1 + 0.2 * (torch.rand(n, 1, 1, 1) - 0.5)) + 0.5 + 0.1 * (torch.rand(n, 3, 1, 1) - 0.5)
    moved = moved + torch.randn_like(moved) * 0.03 * torch.rand(n, 1, 1, 1)
    return moved.clamp(0, 1), (_MOVED - shift) / EDGE


def on_plain_ground(
    amount: int, shown: JudgePictures, places: tuple[str, ...], skies: tuple[str, ...]
) -> LabelledBatch:
    """`amount` pictures of one thing each on a plain background."""
    nothing = torch.empty(0, dtype=torch.long)
    place, sky = torch.full((amount,), places.index(PLAIN)), torch.full((amount,), skies.index(PLAIN))
    grounds = shown.grounds[torch.randint(len(shown.grounds), (amount,))]
    clean = LabelledBatch(grounds, nothing, nothing.reshape(0, 2), torch.empty(0, 2), place, sky)
    return paste_sprites(clean, shown, skies, most=1, sizes=_ALONE)


def paste_sprites(
    seen: LabelledBatch,
    shown: JudgePictures,
    skies: tuple[str, ...],
    most: int = 3,
    sizes: tuple[float, float] = _AMONG,
) -> LabelledBatch:
    """Pastes one to `most` sprites into each picture, in the light of its sky; in two of five cases the same again.

    A thing whose middle they cover is no longer among the labels.
    """
    if not len(shown.sprites) or not len(seen.place):
        return seen
    made = []
    for n, sky in enumerate(seen.sky.tolist()):
        picture, light = seen.pictures[n].clone(), torch.tensor(LIGHT[skies[sky]])
        what, where = seen.what[seen.picture == n], seen.where[seen.picture == n]
        thing = _drawn(shown)
        for again in range(int(torch.randint(1, most + 1, ()))):
            if again and torch.rand(()) > 0.4:
                thing = _drawn(shown)
            cover, middle = _paste(picture, _sprite(shown, thing), light, sizes)
            x, y = (where.clamp(0, 1 - 1e-6) * EDGE).long().unbind(1)
            left = cover[y, x] < 0.5
            what, where = torch.cat([what[left], thing[None]]), torch.cat([where[left], middle[None]])
        number = torch.zeros(len(what), dtype=torch.long)
        made.append(LabelledBatch(picture[None], number, what, where, seen.place[n : n + 1], seen.sky[n : n + 1]))
    return concatenated(made)


def _drawn(shown: JudgePictures) -> Tensor:
    """A random concept and its colour, indices (2,)."""
    concept = int(torch.multinomial(shown.chances, 1))
    tinted = bool(shown.tinted[concept]) and torch.rand(()) < 0.5
    return torch.tensor([concept, int(torch.randint(len(COLOURS), ())) if tinted else len(COLOURS)])


def _sprite(shown: JudgePictures, thing: Tensor) -> Tensor:
    concept, colour = thing.tolist()
    sprite = shown.sprites[concept]
    return sprite if colour == len(COLOURS) else recolour(sprite, tuple(COLOURS)[colour])


def _paste(picture: Tensor, sprite: Tensor, light: Tensor, sizes: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Paints a sprite into `picture` at a random place; returns what it covers (128, 128) and its middle (x, y)."""
    size = sizes[0] * (sizes[1] / sizes[0]) ** float(torch.rand(()))
    aside = max(0.1, size / 2 - 0.12)  # at most an eighth of the picture hides beyond its edge
    x, foot = aside + (1 - 2 * aside) * float(torch.rand(())), min(0.98, size + (1.05 - size) * float(torch.rand(())))
    covered, rows, columns = paint(picture, sprite, (x, foot, math.log(size)), light)
    cover = torch.zeros(EDGE, EDGE)
    cover[rows, columns] = covered[0]
    return cover, torch.tensor([x, foot - size / 2])
