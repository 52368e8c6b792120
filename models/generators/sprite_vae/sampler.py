"""Images from the structured VAE: read the text, sample the latents from their priors, decode.

Networks run on batches of a fixed size, filled up with copies, at token lengths that depend on the row alone: matrix
kernels choose their summation order by shape, so this makes a row's image the same whatever rows are in the batch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from models import checkpoint
from models.asked import Asked, Match
from models.generators.common import check_request, check_size, to_unit_range
from models.generators.sprite_vae.compositor import paint, place
from models.generators.sprite_vae.followed import LOOK, MOST, Followed, main_colour
from models.generators.sprite_vae.losses import lamp_of
from models.generators.sprite_vae.match import match
from models.generators.sprite_vae.model import POSE, StructuredVae, VaeConfig
from models.generators.sprite_vae.recolour import recolour
from models.generators.sprite_vae.scene_plan import Noise, ScenePlan, noise_of
from models.generators.sprite_vae.sprite_memory import EDGE
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS
from models.generators.sprite_vae.wishes import Wish
from models.protocols import Generator
from models.reference import Reference
from models.text_features import alike, pad

CHUNK = 8  # rows in one forward pass
LONGEST = 128  # tokens of a text that are read
TEMPERATURE = 0.85  # of sampling latents from their priors; 1 in training
MIN_PROBABILITY = 0.08  # a place or sky less likely than this is never sampled


def draw(logits: Tensor, uniform: Tensor, minimum: float = 0.0) -> Tensor:
    """An index for each row of logits (..., choices), by inverting the cumulative distribution at `uniform` (...)."""
    chances = logits.softmax(-1)
    chances = torch.where(chances < minimum, 0.0, chances) if minimum else chances
    total = chances.cumsum(-1)
    return (total < (uniform * total[..., -1]).unsqueeze(-1)).sum(-1).clamp(max=logits.shape[-1] - 1)


class VaeGenerator(Generator):
    """A trained structured VAE as a generator."""

    def __init__(self, model: StructuredVae, name: str, digest: str, device: str = "cpu") -> None:
        self.model = model.eval()
        self._device = device
        self.name = name
        self.digest = digest
        self.encoder: str | None = model.config.encoder
        self.things = {english: chinese for _, english, chinese in model.config.concepts[: model.config.coded]}
        self.size = EDGE
        self.references = MOST
        self.reference_pixels = LOOK * LOOK
        self.recalls = True
        self.reads_words = True

    @classmethod
    def load(cls, folder: Path, device: str, name: str) -> Self:
        """Loads a checkpoint folder of the family `vae`. Raises ValueError with a sentence when it cannot be used."""
        content = checkpoint.read_config(folder)
        model = StructuredVae(checkpoint.fill(VaeConfig, content, folder))
        checkpoint.load_weights(folder, model)
        model.memory.index()
        return cls(model, name, checkpoint.digest(folder), device)

    @torch.inference_mode(False)  # or its weights could not be moved again
    def ready(self) -> None:
        self.model.to(self._device)  # not before: a run may be planned on a machine without the device

    def panoramic(self) -> Generator:
        from models.generators.sprite_vae.panorama import PanoramaGenerator

        return PanoramaGenerator(self.model, self.name, self.digest, self._device)

    def check_size(self, width: int, height: int) -> None:
        check_size(width, height)

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
        config = self.model.config
        check_request(features, seeds, width, height, config.features, config.encoder)
        pictures = torch.empty(len(features), 3, height, width, device="cpu")
        for rows in alike(features, LONGEST):
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                full = chunk + chunk[:1] * (CHUNK - len(chunk))
                noise = [noise_of(seeds[i], self.model.config.slots) for i in full]
                shown = [self._shown(references[i]) if references else Followed() for i in full]
                wishes = [Wish(config, asked[i] if asked else None) for i in full]
                plan = self._plan([features[i][:LONGEST] for i in full], noise, followed=shown, wishes=wishes)
                for i, picture in zip(chunk, self._decode(plan, len(chunk), width, height), strict=True):
                    pictures[i] = picture.cpu()
        return pictures

    @torch.inference_mode()
    def match(self, features: Sequence[Tensor], seeds: Sequence[int], asked: Sequence[Asked]) -> list[Match]:
        """How much of what its text asks for each picture shows; see models/protocols.py."""
        self.ready()
        config = self.model.config
        found: list[Match | None] = [None] * len(features)
        for rows in alike(features, LONGEST):
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                full = chunk + chunk[:1] * (CHUNK - len(chunk))
                wishes, noise = [Wish(config, asked[i]) for i in full], [noise_of(seeds[i], config.slots) for i in full]
                plan = self._plan([features[i][:LONGEST] for i in full], noise, wishes=wishes)
                for row, i in enumerate(chunk):
                    found[i] = match(wishes[row], row, plan)
        return [one for one in found if one is not None]

    def _decode(self, plan: ScenePlan, rows: int, width: int, height: int) -> list[Tensor]:
        """Images (3, height, width) of the plan's first `rows` rows; the others only pad the batch."""
        model = self.model
        scene = model.scene(plan.place, plan.sky)
        lamp = lamp_of(model, plan.concepts, plan.poses)
        backdrops = model.decoder(torch.cat([plan.z, scene, lamp], 1))
        lights = model.lights(scene)
        composed = backdrops.clone()
        cover = composed.new_zeros(len(composed), 1, EDGE, EDGE)
        for row in range(rows):
            self._compose(composed[row], plan, lights, row, cover[row])
        finish = model.finish(composed, cover, scene)
        if (width, height) == (EDGE, EDGE):
            return list(to_unit_range(composed + finish)[:rows])
        made = []
        for row in range(rows):  # one row at a time: the shape of a resize must not depend on the batch
            # Only the low frequencies of the finish, shadow and light: its outlines fit sprites at 128 pixels alone.
            soft = F.interpolate(F.avg_pool2d(finish[row], 8)[None], (EDGE, EDGE), mode="bicubic")[0]
            both = torch.cat([backdrops[row], soft])[None]
            large = F.interpolate(both, (height, width), mode="bicubic", align_corners=False, antialias=True)[0]
            canvas = large[:3].clone()
            self._compose(canvas, plan, lights, row)
            made.append(to_unit_range(canvas + large[3:]))
        return made

    def _compose(self, canvas: Tensor, plan: ScenePlan, lights: Tensor, row: int, cover: Tensor | None = None) -> None:
        """Composites a row's sprites onto its canvas (3, height, width), and the front ones' coverage onto `cover`."""
        for slot, concept in enumerate(plan.concepts[row].tolist()):
            if concept < 0:
                continue
            x, foot, size = plan.poses[row, slot].tolist()
            sprite = self._sprite(concept, int(plan.colours[row, slot]))
            paint(canvas, sprite, (x, foot, size), lights[row, slot])
            if cover is not None and slot in self.model.config.front:
                layer, ys, xs = place(sprite[3:], (x, foot, size), canvas.shape[1], canvas.shape[2])
                cover[:, ys, xs] = torch.maximum(cover[:, ys, xs], layer)
        for concept, colour, pose in plan.extra[row] if plan.extra else ():
            sprite = self._sprite(concept, colour)
            paint(canvas, sprite, pose, lights[row, self.model.config.objects])
            if cover is not None:
                layer, ys, xs = place(sprite[3:], pose, canvas.shape[1], canvas.shape[2])
                cover[:, ys, xs] = torch.maximum(cover[:, ys, xs], layer)

    def _sprite(self, concept: int, colour: int) -> Tensor:
        """A sprite (4, 128, 128) recoloured, or in its own colour (-1)."""
        sprite = self.model.memory.draw(concept)
        return sprite if colour < 0 else recolour(sprite, self.model.config.colours[colour])

    def _shown(self, references: Sequence[Reference]) -> Followed:
        """What a row's references show together."""
        followed = Followed()
        for one in references:
            one.found = one.found or self._found(one)
            followed.add(one.found)
        return followed

    def _found(self, reference: Reference) -> Followed:
        """What a reference shows: if the model made it, by reading its text again; else its main colour."""
        config = self.model.config
        if reference.text is None:
            return Followed(colours=[main_colour(reference.pixels, config.colours)])
        features = [reference.features[:LONGEST]] * CHUNK
        noise = [noise_of(reference.seed, config.slots)] * CHUNK
        plan = self._plan(features, noise, followed=[self._shown(reference.follows)] * CHUNK)
        named = slice(config.objects, config.objects + OBJECT_SLOTS)
        things = zip(plan.concepts[0, named].tolist(), plan.colours[0, named].tolist(), strict=True)
        return Followed(int(plan.place[0]), int(plan.sky[0]), [thing for thing in things if thing[0] >= 0])

    def _plan(
        self,
        features: list[Tensor],
        noise: list[Noise],
        plain: bool = True,
        followed: Sequence[Followed] = (),
        wishes: Sequence[Wish] = (),
    ) -> ScenePlan:
        """Samples every latent of the rows from its prior.

        Args:
            features: (tokens, width) each.
            plain: whether a text may have the plain background.
            followed: what the references of each row show, which fills in what its text leaves open.
            wishes: what each text asks for in so many words.
        """
        model, config = self.model, self.model.config
        choices = torch.stack([n.choices for n in noise]).to(self._device)
        batch = pad(features).to(self._device)
        reading = model.reader(batch.tokens, batch.mask)
        bare = (reading.place.softmax(-1)[:, -1] > 0.5) & plain
        where = torch.where(bare, len(config.places) - 1, draw(reading.place[:, :-1], choices[:, 0], MIN_PROBABILITY))
        above = torch.where(bare, len(config.skies) - 1, draw(reading.sky[:, :-1], choices[:, 1], MIN_PROBABILITY))
        there = reading.present > 0
        asked, tint = reading.concepts.argmax(-1), reading.colours.argmax(-1)
        tint[tint == len(config.colours)] = -1
        for row, known in enumerate(followed):
            known.fill(row, reading, where, above, there, asked, tint)
        for row, wish in enumerate(wishes):
            wish.fill(row, reading, where, above, there, asked, tint)
        bare = where == len(config.places) - 1
        scene = model.scene(where, above)
        there[:, 0] |= bare & ~there.any(1)  # a plain background shows at least one object
        props = draw(model.prop_logits(scene), choices[:, 2 : 2 + len(config.prop_slots)])
        props[bare] = 0
        shown = torch.full((len(features), config.slots), -1, device=self._device)
        poses = torch.zeros(len(features), config.slots, POSE, device=self._device)
        eps = torch.stack([n.poses for n in noise]).to(self._device)
        named = slice(config.objects, config.objects + OBJECT_SLOTS)
        shown[:, named] = torch.where(there, asked, -1)
        mean, log_variance = model.object_poses(scene, reading, asked)
        poses[:, named] = mean + (0.5 * log_variance).exp() * eps[:, named] * TEMPERATURE
        colours = torch.full_like(shown, -1)
        colours[:, named] = tint
        slots = list(config.prop_slots)
        table = torch.tensor([-1, *config.props], device=self._device)
        shown[:, slots] = table[props]
        mean, log_variance = model.prop_poses(scene, props)
        poses[:, slots] = mean + (0.5 * log_variance).exp() * eps[:, slots] * TEMPERATURE
        mean, log_variance = model.prior(scene, reading)
        z = mean + (0.5 * log_variance).exp() * torch.stack([n.z for n in noise]).to(self._device) * TEMPERATURE
        extra = [wish.arrange(row, shown, colours, poses, bool(bare[row])) for row, wish in enumerate(wishes)]
        return ScenePlan(where, above, shown, colours, poses, z, reading, extra)
