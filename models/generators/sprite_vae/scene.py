"""A scene of the structured VAE that is edited and rendered again: its latents change where asked and nowhere else.

The latents of a picture are sampled anew from its text and seed, which gives the same ones; an edit sets a few of them
(an index of sky or place, a slot's sprite, colour or pose) and keeps the others with their noise, and the decoder draws
the picture again. An edit of nothing gives the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.asked import Asked
from models.generators.sprite_vae.compositor import place as placed
from models.generators.sprite_vae.model import POSE, StructuredVae
from models.generators.sprite_vae.sampler import CHUNK, LONGEST, TEMPERATURE, VaeGenerator, draw
from models.generators.sprite_vae.scene_plan import noise_of
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS
from models.generators.sprite_vae.wishes import Wish
from models.text_features import pad

SKY_SLOTS = (0, 1, 2, 3, 12)  # stars, lamp, two clouds, weather: what the sky decides
FAR = 4  # the slot of skylines and ranges; those after it, before the named things, stand at the sides


@dataclass(frozen=True)
class Edit:
    """One edit of a scene.

    Attributes:
        step: sky, place, count, colour, add, remove, replace or move.
        value: a name of a sky, place or colour; a side; a number, or a text such as +1.
        things: concept ids that are meant, any of them; new: the concept id that is drawn.
        name: what it is called, for sentences; at: which of several, by side or colour; amount: bit, plain, much.
    """

    step: str
    value: str | int
    things: tuple[str, ...] = ()
    new: str = ""
    name: str = ""
    at: str | None = None
    amount: str | None = None


class Scene:
    """The latents of one picture, to be edited and rendered."""

    def __init__(self, generator: VaeGenerator, features: Tensor, seed: int, asked: Asked | None = None) -> None:
        """`features` (tokens, width) are those of the text that the picture was made from, `asked` what it asks for."""
        generator.ready()
        self._generator = generator
        self.model: StructuredVae = generator.model
        self.config = self.model.config
        self.ids = [concept[0] for concept in self.config.concepts]
        self.noise = noise_of(seed, self.config.slots)
        rows = [features[:LONGEST]] * CHUNK  # as many as a batch has, or the last bits would be others
        with torch.inference_mode():
            wishes = [Wish(self.config, asked) for _ in rows]
            self.plan = generator._plan(rows, [self.noise] * CHUNK, wishes=wishes)
        self.reading = self.plan.reading
        self.named = range(self.config.objects, self.config.objects + OBJECT_SLOTS)

    @torch.inference_mode()
    def render(self, width: int, height: int) -> Tensor:
        """The picture (3, height, width) in [0, 1], on the CPU."""
        return self._generator._decode(self.plan, 1, width, height)[0].cpu()

    def shown(self) -> list[str]:
        """English names of the things in the picture."""
        slots = [*self.named, *self.config.prop_slots]
        found = [int(self.plan.concepts[0, slot]) for slot in slots]
        return list(dict.fromkeys(self.config.concepts[i][1] for i in found if i >= 0))

    @property
    def place(self) -> str:
        return self.config.places[int(self.plan.place[0])]

    @property
    def sky(self) -> str:
        return self.config.skies[int(self.plan.sky[0])]

    @torch.inference_mode()
    def mask(self, things: tuple[str, ...], width: int, height: int) -> Tensor:
        """How much of each pixel things cover, (1, height, width) in [0, 1]; ValueError if there are none."""
        return self._cover(self.slots_of(Edit("scope", "", things, name="such a thing")), width, height)

    def _cover(self, slots: Iterable[int], width: int, height: int) -> Tensor:
        """How much of each pixel the sprites of some slots cover, (1, height, width)."""
        cover = torch.zeros(1, height, width)
        for slot in slots:
            x, foot, size = self.plan.poses[0, slot].tolist()
            sprite = self.model.memory.draw(int(self.plan.concepts[0, slot]))[3:]
            layer, ys, xs = placed(sprite, (x, foot, size), height, width)
            cover[:, ys, xs] = torch.maximum(cover[:, ys, xs], layer.cpu())
        return cover

    @torch.inference_mode()
    def background(self, width: int, height: int, sky: bool = False) -> Tensor:
        """What no thing covers, (1, height, width) in [0, 1]; with `sky`, only what of it is above the horizon.

        The horizon of a column is the sharpest edge of the bare background about the middle of the picture.
        """
        slots = range(FAR if sky else self.named[0], self.config.slots - 1)
        cover = self._cover((slot for slot in slots if int(self.plan.concepts[0, slot]) >= 0), width, height)
        if not sky:
            return 1 - cover
        if self.place == self.config.places[-1]:
            raise ValueError("the picture shows a thing on plain ground, which has no sky.")
        lamp = torch.zeros(CHUNK, 4, device=self.plan.z.device)
        bare = self.model.decoder(torch.cat([self.plan.z, self.embedding(), lamp], 1))[0].cpu()
        rows = range(int(0.36 * bare.shape[1]), int(0.64 * bare.shape[1]))
        steps = (bare[:, rows.start + 1 : rows.stop + 1] - bare[:, rows.start - 1 : rows.stop - 1]).abs().sum(0)
        steps = F.avg_pool1d(steps[:, None], 9, 1, 4, count_include_pad=False)[:, 0]
        line = (steps.argmax(0) + rows.start).float() / bare.shape[1]
        line = F.interpolate(line[None, None], width, mode="linear")[0, 0]
        ys = (torch.arange(height) + 0.5) / height
        return (1 - cover) * ((line[None] - ys[:, None]) * height + 0.5).clamp(0, 1)

    def slots_of(self, edit: Edit) -> list[int]:
        """The slots that an edit is about: named things first, else surroundings."""
        wanted = {self.ids.index(id) for id in edit.things if id in self.ids}
        for slots in (self.named, self.config.prop_slots):
            found = [slot for slot in slots if int(self.plan.concepts[0, slot]) in wanted]
            if found:
                return self._chosen(found, edit)
        there = ", ".join(self.shown()) or "nothing"
        raise ValueError(f"the picture shows no {edit.name}; it shows {there}.")

    def _chosen(self, slots: list[int], edit: Edit) -> list[int]:
        if edit.at is None:
            return slots
        if edit.at in self.config.colours:
            colour = self.config.colours.index(edit.at)
            painted = [slot for slot in slots if int(self.plan.colours[0, slot]) == colour]
            if not painted and len(slots) > 1:
                raise ValueError(f"the picture shows several of {edit.name}, none of them painted {edit.at}.")
            return painted or slots
        axis, sign = {"left": (0, 1), "right": (0, -1), "up": (1, 1), "down": (1, -1)}.get(edit.at, (0, 0))
        if not sign:
            return [min(slots, key=lambda slot: abs(float(self.plan.poses[0, slot, 0]) - 0.5))]
        return [min(slots, key=lambda slot: sign * float(self.plan.poses[0, slot, axis]))]

    def taken(self) -> list[int]:
        return [slot for slot in self.named if int(self.plan.concepts[0, slot]) >= 0]

    def set_slot(self, slot: int, concept: int, colour: int, pose: tuple[float, float, float]) -> None:
        assert len(pose) == POSE
        self.plan.concepts[:, slot] = concept
        self.plan.colours[:, slot] = colour
        self.plan.poses[:, slot] = torch.tensor(pose, device=self.plan.poses.device)

    def embedding(self) -> Tensor:
        return self.model.scene(self.plan.place, self.plan.sky)

    def choices(self) -> Tensor:
        return self.noise.choices.to(self.plan.z.device).expand(CHUNK, -1)

    def poses_of_things(self) -> Tensor:
        concepts = self.plan.concepts[:, self.named[0] : self.named[-1] + 1].clamp(min=0, max=self.config.coded - 1)
        mean, _ = self.model.object_poses(self.embedding(), self.reading, concepts)
        return mean

    def usual_pose(self, concept: int, described: Tensor | None) -> tuple[float, float, float]:
        """Where such a thing would stand here if a text named it alone."""
        reading = self.reading
        if described is not None:
            rows = [described[:LONGEST]] * CHUNK
            batch = pad(rows)
            device = self.plan.z.device
            reading = self.model.reader(batch.tokens.to(device), batch.mask.to(device))
        concepts = torch.full((CHUNK, OBJECT_SLOTS), concept, device=self.plan.z.device)
        mean, _ = self.model.object_poses(self.embedding(), reading, concepts)
        x, foot, size = mean[0, 0].tolist()
        return x, foot, size

    def draw_surroundings(self, slots: tuple[int, ...]) -> None:
        """Samples which sprites fill these slots, and where they stand, with the picture's own noise."""
        scene, prop_slots = self.embedding(), list(self.config.prop_slots)
        props = draw(self.model.prop_logits(scene), self.choices()[:, 2 : 2 + len(prop_slots)])
        table = torch.tensor([-1, *self.config.props], device=props.device)
        mean, log_variance = self.model.prop_poses(scene, props)
        eps = self.noise.poses.to(mean.device)[prop_slots]
        poses = mean + (0.5 * log_variance).exp() * eps * TEMPERATURE
        for number, slot in enumerate(prop_slots):
            if slot in slots:
                self.plan.concepts[:, slot] = table[props[:, number]]
                self.plan.poses[:, slot] = poses[:, number]
                self.plan.colours[:, slot] = -1
