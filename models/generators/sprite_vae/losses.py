"""Losses of the structured VAE: reading, priors and KL from captions, reconstruction from images."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.generators.sprite_vae.compositor import place
from models.generators.sprite_vae.model import LATENT, StructuredVae
from models.generators.sprite_vae.recolour import recolour
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS

FREE = 0.5  # free bits: nats that a dimension of z may carry at no cost (Kingma 2016), so that none collapses
RECORD = 2 * -3.9  # log-variance of a recorded pose as a posterior: its deviation is 0.02 of the image


@dataclass
class Batch:
    """Captions' features and the scenes that the data set recorded for them; n rows."""

    tokens: Tensor  # (n, tokens, features)
    mask: Tensor  # (n, tokens) bool
    place: Tensor  # (n,) index
    sky: Tensor  # (n,) index
    concepts: Tensor  # (n, slots) index in memory, -1 where the slot is empty
    poses: Tensor  # (n, slots, 3)
    colours: Tensor  # (n, slots) index, -1 where a thing has its own colour


def _gaussian_kl(mean: Tensor, log_variance: Tensor, to_mean: Tensor, to_log_variance: Tensor) -> Tensor:
    ratio = (log_variance - to_log_variance).exp()
    return 0.5 * (ratio + (mean - to_mean) ** 2 * (-to_log_variance).exp() - 1 + to_log_variance - log_variance)


def _first(slots: Tensor, start: int) -> Tensor:
    return slots[:, start : start + OBJECT_SLOTS]


def reading_loss(model: StructuredVae, batch: Batch) -> dict[str, Tensor]:
    """Scalar cross-entropies and KL of objects, colours, place, sky, poses and surroundings against the labels."""
    config = model.config
    reading = model.reader(batch.tokens, batch.mask)
    asked = _first(batch.concepts, config.objects)
    there = asked >= 0
    losses = {
        "present": F.binary_cross_entropy_with_logits(reading.present, there.float()),
        "concept": F.cross_entropy(reading.concepts[there], asked[there], label_smoothing=0.08)
        if there.any()
        else reading.present.sum() * 0,
        "colour": _colour_loss(reading.colours, _first(batch.colours, config.objects), there),
        "place": F.cross_entropy(reading.place, batch.place),
        "sky": F.cross_entropy(reading.sky, batch.sky),
    }
    scene = model.scene(batch.place, batch.sky)
    mean, log_variance = model.object_poses(scene, reading, asked.clamp(min=0))
    record = torch.full_like(mean, RECORD)
    kl = _gaussian_kl(_first(batch.poses, config.objects), record, mean, log_variance)
    losses["pose"] = kl[there].mean() if there.any() else kl.sum() * 0
    slots = list(config.prop_slots)
    chosen = torch.zeros(len(scene), len(slots), dtype=torch.int64)
    for number, prop in enumerate(config.props):
        chosen[batch.concepts[:, slots] == prop] = number + 1
    composed = batch.place < len(config.places) - 1  # the clean ground has no surroundings to learn
    logits = model.prop_logits(scene)
    losses["props"] = F.cross_entropy(logits.flatten(0, 1), chosen.flatten())
    mean, log_variance = model.prop_poses(scene, chosen)
    kl = _gaussian_kl(batch.poses[:, slots], torch.full_like(mean, RECORD), mean, log_variance)
    filled = (chosen > 0) & composed[:, None]
    losses["prop pose"] = kl[filled].mean() if filled.any() else kl.sum() * 0
    return losses


def prior_loss(model: StructuredVae, before: StructuredVae, batch: Batch) -> Tensor:
    """Scalar KL of the background's prior from that of a frozen model `before`, to fine-tune the text reader alone."""
    scene = model.scene(batch.place, batch.sky)
    with torch.no_grad():
        mean, log_variance = before.prior(scene, before.reader(batch.tokens, batch.mask))
    now = model.prior(scene, model.reader(batch.tokens, batch.mask))
    return _gaussian_kl(mean, log_variance, *now).mean()


def _colour_loss(logits: Tensor, colours: Tensor, there: Tensor) -> Tensor:
    wanted = torch.where(colours < 0, logits.shape[-1] - 1, colours)
    return F.cross_entropy(logits[there], wanted[there]) if there.any() else logits.sum() * 0


@torch.no_grad()
def _layers(model: StructuredVae, batch: Batch, edge: int, sprites: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Each slot's visible colours (n, slots, 3, edge, edge), the background's visibility and the front's coverage,
    (n, 1, edge, edge) each."""
    count, slots = batch.concepts.shape
    colours = torch.zeros(count, slots, 3, edge, edge)
    left = torch.ones(count, 1, edge, edge)
    cover = torch.zeros(count, 1, edge, edge)
    for row in range(count):
        for slot in range(slots - 1, -1, -1):  # front to back: what is left is what the slot behind shows
            concept = int(batch.concepts[row, slot])
            if concept < 0:
                continue
            x, foot, size = batch.poses[row, slot].tolist()
            colour = int(batch.colours[row, slot])
            sprite = sprites[concept] if colour < 0 else recolour(sprites[concept], model.config.colours[colour])
            layer, ys, xs = place(sprite, (x, foot, size), edge, edge)
            colours[row, slot, :, ys, xs] = layer[:3] * left[row, :, ys, xs]
            left[row, :, ys, xs] *= 1 - layer[3:]
            if slot in model.config.front:
                cover[row, :, ys, xs] = torch.maximum(cover[row, :, ys, xs], layer[3:])
    return colours, left, cover


def lamp_of(model: StructuredVae, concepts: Tensor, poses: Tensor) -> Tensor:
    """The sun or moon as a condition, (n, 4): presence, x, y of its centre, size; from (n, slots) and (n, slots, 3)."""
    slot = model.config.lamp
    there = (concepts[:, slot] >= 0).float()
    pose = poses[:, slot]
    size = pose[:, 2].exp()
    return torch.stack([there, pose[:, 0] * there, (pose[:, 1] - size / 2) * there, size * there], 1)


def picture_loss(
    model: StructuredVae, batch: Batch, pictures: Tensor, sprites: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Reconstruction loss and KL of images (n, 3, 128, 128) in [0, 1], and the reconstructions."""
    scene = model.scene(batch.place, batch.sky)
    lamp = lamp_of(model, batch.concepts, batch.poses)
    prior = model.prior(scene, model.reader(batch.tokens, batch.mask))
    colours, left, cover = _layers(model, batch, pictures.shape[-1], sprites)
    lit = torch.einsum("nschw,nsc->nchw", colours, model.lights(scene))
    with torch.no_grad():
        expected = model.decoder(torch.cat([prior[0], scene, lamp], 1)) * left + lit
    mean, log_variance = model.encoder((pictures - expected) * left, torch.cat([scene, lamp], 1))
    z = mean + (0.5 * log_variance).exp() * torch.randn(len(pictures), LATENT)
    backdrop = model.decoder(torch.cat([z, scene, lamp], 1))
    composed = backdrop * left + lit
    made = composed + model.finish(composed, cover, scene)
    kl = _gaussian_kl(mean, log_variance, *prior).mean(0).clamp(min=FREE).sum()
    across = (made[..., 1:] - made[..., :-1]) - (pictures[..., 1:] - pictures[..., :-1])
    down = (made[..., 1:, :] - made[..., :-1, :]) - (pictures[..., 1:, :] - pictures[..., :-1, :])
    losses = {
        "picture": (made - pictures).abs().mean(),
        "edges": across.abs().mean() + down.abs().mean(),
        "early": (composed - pictures).abs().mean(),  # keeps the finishing network's residual small
        "kl": kl,
    }
    return losses, made


def sprite_loss(model: StructuredVae, concepts: list[int], sprites: Tensor) -> Tensor:
    """L1 and gradient loss of decoded sprites against the true ones (n, 4, 128, 128) in [0, 1]."""
    made = model.memory(concepts)
    across = (made[..., 1:] - made[..., :-1]) - (sprites[..., 1:] - sprites[..., :-1])
    down = (made[..., 1:, :] - made[..., :-1, :]) - (sprites[..., 1:, :] - sprites[..., :-1, :])
    return (made - sprites).abs().mean() + across.abs().mean() + down.abs().mean()


WEIGHTS = {
    "present": 1.0,
    "concept": 1.0,
    "colour": 0.5,
    "place": 0.5,
    "sky": 0.5,
    "pose": 0.3,
    "props": 0.3,
    "prop pose": 0.1,
    "picture": 10.0,
    "edges": 5.0,
    "early": 2.0,
    "kl": 0.002,
    "sprite": 10.0,
}
