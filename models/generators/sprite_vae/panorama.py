"""Panoramas from the structured VAE: one place all round, drawn in spherical coordinates.

The horizon is divided into six views. Each is sampled as a picture is, with latents and surroundings of its own, but
all have the row's one place and sky; what the text names, and sun or moon, are in the first view alone, straight ahead.
Backdrops, and the finishing network's shadows, pass from view to view; things stand on the horizon's band at their yaw,
as large as the angle that they are seen at; rain, snow and stars are strewn over the sphere. Towards zenith and nadir
colours become their circle's mean, as a pole is one point.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.asked import Asked
from models.generators.common import check_request, check_size, to_unit_range
from models.generators.sprite_vae.followed import Followed
from models.generators.sprite_vae.losses import lamp_of
from models.generators.sprite_vae.model import StructuredVae
from models.generators.sprite_vae.sampler import CHUNK, LONGEST, VaeGenerator
from models.generators.sprite_vae.scene_plan import ScenePlan, noise_of
from models.generators.sprite_vae.sphere import floating, paint_band, paint_on, shine, standing
from models.generators.sprite_vae.sprite_memory import EDGE
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS
from models.panorama import angles, check_shape
from models.reference import Reference

VIEWS = 6
SPAN = 360 / VIEWS  # degrees of yaw that a view's width stands for
STREWN = ("stars", "rain", "snow")  # sprites without a place of their own
SPOTS = 56  # pieces of such a sprite on the whole sphere
PIECE = 0.42  # of its edge that a piece has
ASIDE, GROUND = 0.10, 0.35  # the columns of a backdrop, of 1, for sky and land where nothing shines
GLOW = 22  # degrees that the light of sun or moon reaches
_STEP = 0x9E3779B97F4A7C15  # between the seeds of views


class PanoramaGenerator(VaeGenerator):
    """The same model for pictures of all that is around."""

    def __init__(self, model: StructuredVae, name: str, digest: str, device: str = "cpu") -> None:
        super().__init__(model, name, digest, device)
        self.size = 1024
        self.reads_words = False  # what words say of left and right means nothing all round

    def check_size(self, width: int, height: int) -> None:
        check_shape(width, height)
        check_size(height, height)

    @torch.inference_mode()
    def generate(
        self,
        features: Sequence[Tensor],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
        references: Sequence[Sequence[Reference]] = (),
        asked: Sequence[Asked | None] = (),
    ) -> Tensor:
        """Images (rows, 3, height, width), float32 in [0, 1], on the CPU; see models/protocols.py."""
        self.ready()
        self.check_size(width, height)
        check_request(features, seeds, height, height, self.model.config.features, self.model.config.encoder)
        pictures = torch.empty(len(features), 3, height, width, device="cpu")
        for row, (feature, seed) in enumerate(zip(features, seeds, strict=True)):
            views = self._views(feature[:LONGEST], int(seed), self._shown(references[row] if references else ()))
            pictures[row] = self._draw(views, int(seed), height).cpu()
        return pictures

    def _views(self, features: Tensor, seed: int, followed: Followed) -> ScenePlan:
        """What each view shows; the plan's last two rows only fill its batch."""
        config = self.model.config
        noise = [noise_of(seed + view * _STEP, config.slots) for view in range(CHUNK)]
        for other in noise[1:]:
            other.choices[:2] = noise[0].choices[:2]  # one place, one sky
        plan = self._plan([features] * CHUNK, noise, plain=False, followed=[followed] * CHUNK)
        plan.concepts[1:, config.objects : config.objects + OBJECT_SLOTS] = -1
        plan.concepts[1:, config.lamp] = -1
        return plan

    def _draw(self, plan: ScenePlan, seed: int, height: int) -> Tensor:
        model = self.model
        scene = model.scene(plan.place, plan.sky)
        lights = model.lights(scene)
        backdrops = model.decoder(torch.cat([plan.z, scene, lamp_of(model, plan.concepts, plan.poses)], 1))
        flat, cover = backdrops.clone(), backdrops.new_zeros(CHUNK, 1, EDGE, EDGE)
        for view in range(VIEWS):
            self._compose(flat[view], plan, lights, view, cover[view])
        soft = F.interpolate(F.avg_pool2d(model.finish(flat, cover, scene), 8), (EDGE, EDGE), mode="bicubic")
        canvas = _surround(backdrops[:VIEWS], height)
        self._glow(canvas, backdrops[0], plan)
        source = torch.Generator("cpu").manual_seed((seed + CHUNK * _STEP) & 0x7FFFFFFFFFFFFFFF)
        for slot in range(model.config.slots):
            for view in range(VIEWS):
                self._paint(canvas, plan, lights, view, slot, source)
        depth = -angles(2 * height, height, canvas.device)[1]
        ground = (_ramp(depth, 0, 10) - _ramp(depth, 32, 50))[:, None]  # shadows; the sky has a light of its own
        return to_unit_range(canvas + _around(soft[:VIEWS], height, SPAN / 2 - 6, SPAN / 2 + 6) * ground)

    def _glow(self, canvas: Tensor, backdrop: Tensor, plan: ScenePlan) -> None:
        """Adds the light that the first view's backdrop has around sun or moon, if one is there."""
        slot = self.model.config.lamp
        if int(plan.concepts[0, slot]) < 0:
            return
        x, foot, log_size = plan.poses[0, slot].tolist()
        middle = foot - math.exp(log_size) / 2
        row, column, aside = (min(EDGE - 1, max(0, int(EDGE * share))) for share in (middle, x, ASIDE))
        added = backdrop[:, row, column] - backdrop[:, row, aside]
        shine(canvas, added, (x - 0.5) * SPAN, pitch_at(middle), GLOW)

    def _paint(
        self, canvas: Tensor, plan: ScenePlan, lights: Tensor, view: int, slot: int, source: torch.Generator
    ) -> None:
        """Paints what a view has in a slot, if anything."""
        concept = int(plan.concepts[view, slot])
        if concept < 0 or (concept >= self.model.config.coded and view):  # what goes all round is the first view's
            return
        x, foot, log_size = plan.poses[view, slot].tolist()
        size, light = math.exp(log_size), lights[view, slot]
        sprite = self._sprite(concept, int(plan.colours[view, slot]))
        yaw = view * SPAN + (x - 0.5) * SPAN
        if concept < self.model.config.coded:
            named = self.model.config.objects <= slot < self.model.config.objects + OBJECT_SLOTS
            if named or slot in self.model.config.front:
                plane = standing(yaw, pitch_at(foot), pitch_at(foot - size))
            else:
                plane = floating(yaw, pitch_at(foot - size / 2), size * SPAN * 1.2)
            paint_on(canvas, sprite, plane, light)
        elif self.model.config.concepts[concept][1] in STREWN:
            self._strew(canvas, sprite, light, slot < self.model.config.lamp, source)
        else:
            paint_band(canvas, sprite, pitch_at(foot), VIEWS, light)

    def _strew(self, canvas: Tensor, sprite: Tensor, light: Tensor, sky: bool, source: torch.Generator) -> None:
        """Paints pieces of a sprite evenly over the sphere (Fibonacci's lattice), or over the sky alone."""
        piece = round(PIECE * EDGE)
        axis = torch.linspace(-1, 1, piece, device=sprite.device)
        window = ((1.15 - (axis[:, None] ** 2 + axis[None, :] ** 2).sqrt()) / 0.3).clamp(0, 1)
        rooms = EDGE - piece, round((0.55 if sky else 0.9) * EDGE) - piece  # stars are in the upper half alone
        for spot in range(SPOTS):
            up = 1 - 2 * (spot + 0.5) / SPOTS
            left, top = (int(torch.rand((), generator=source, device="cpu") * room) for room in rooms)
            if sky and up < 0.22:
                continue
            yaw = (spot * 137.50776 + 20) % 360 - 180
            part = sprite[:, top : top + piece, left : left + piece] * window
            paint_on(canvas, part, floating(yaw, math.degrees(math.asin(up)), PIECE * SPAN * 1.15), light)


def row_at(pitch: Tensor) -> Tensor:
    """Which height of a flat picture, 0 above to 1 below, is seen at a pitch (any shape): the horizon is in its middle,
    zenith and nadir are its edges, and at the horizon a picture's edge stands for 60 degrees."""
    away = 0.5 * (1 - (1 - pitch.abs() / 90) ** 3)
    return torch.where(pitch > 0, 0.5 - away, 0.5 + away)


def pitch_at(row: float) -> float:
    """The pitch at which a height of a flat picture is seen; the opposite of `row_at`."""
    away = min(2 * abs(row - 0.5), 0.97)
    return math.copysign(90 * (1 - (1 - away) ** (1 / 3)), 0.5 - row)


def _ramp(values: Tensor, low: float, high: float) -> Tensor:
    share = ((values - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def _shares(width: int, full: float, none: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """How much each view is seen at each column, (views, width) with sums of 1, and how far it is turned away."""
    yaw, _ = angles(width, width // 2, device)
    turned = (yaw - SPAN * torch.arange(VIEWS, device=device)[:, None] + 180) % 360 - 180
    shares = 1 - _ramp(turned.abs(), full, none)
    return shares / shares.sum(0), turned


def _around(views: Tensor, height: int, full: float, none: float, aside: bool = False) -> Tensor:
    """Views (views, channels, edge, edge) laid around: (channels, height, 2 * height).

    Args:
        full, none: degrees from a view's middle up to which it is seen alone, and from which it is not.
        aside: only those columns of a view are seen where nothing shines.
    """
    width, canvas = 2 * height, views.new_zeros(views.shape[1], height, 2 * height)
    _, pitch = angles(width, height, views.device)
    shares, turned = _shares(width, full, none, views.device)
    for view, picture in enumerate(views):
        columns = torch.nonzero(shares[view] > 0)[:, 0]
        across = (0.5 + turned[view, columns] / SPAN)[None, :].expand(height, -1)
        if aside:
            ground = _ramp(-pitch, -4, 8)[:, None]
            across = ASIDE + (GROUND - ASIDE) * ground + (across - 0.5) * 0.1
        down = row_at(pitch)[:, None].expand(-1, len(columns))
        grid = torch.stack([across, down], -1) * 2 - 1
        seen = F.grid_sample(picture[None], grid[None], "bicubic", padding_mode="border", align_corners=False)[0]
        canvas[:, :, columns] += seen * shares[view, columns]
    return canvas


def _surround(backdrops: Tensor, height: int) -> Tensor:
    """The backdrops of all views as one canvas (3, height, 2 * height), of one colour at each pole."""
    canvas = _around(backdrops, height, 2, SPAN - 2, aside=True)
    _, pitch = angles(2 * height, height, backdrops.device)
    pole = _ramp(pitch.abs(), 30, 80)[:, None]
    return canvas + (canvas.mean(2, keepdim=True) - canvas) * pole
