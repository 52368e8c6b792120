"""`family: "vae"`: a structured variational autoencoder with retrieval, conditioned on a language model's features.

An image x is decoded from latents z = mu + sigma * eps: `z` of the background (16 numbers: landform, colours, water), a
pose for every sprite (position and size), and discrete ones (place, sky, surroundings). Their priors are predicted from
the text. The decoder draws a background, composites sprites retrieved from memory as in Attend-Infer-Repeat (Eslami
2016), and a finishing network adds shadows and light. Training: L1 and gradient loss of the reconstruction
+ beta * KL(q(z | x, text) || p(z | text)), where poses and names recorded in the data set are observed latents.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.generators.sprite_vae.background import BackgroundDecoder, BackgroundEncoder, Finish
from models.generators.sprite_vae.sprite_memory import SpriteMemory, zero_init
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS, Reading, TextReader

LATENT = 16
POSE = 3
EMBED = 48


@dataclass(frozen=True)
class VaeConfig:
    """Configuration of a checkpoint in config.json: all that is needed to build the model without weights."""

    encoder: str  # reference of the text encoder
    encoder_digest: str
    features: int  # width of its features
    concepts: tuple[tuple[str, str, str], ...]  # (id, English, Chinese) of every sprite in memory
    coded: int  # how many, from the first, are stored as codes and can be retrieved by text; the rest are whole
    props: tuple[int, ...]  # indices of the sprites used for surroundings
    places: tuple[str, ...]  # the last is the plain background of a single object
    skies: tuple[str, ...]  # the last goes with the plain background
    slots: int  # slots of a scene, back to front
    objects: int  # the first of the four slots for objects that the text names
    lamp: int  # the slot of sun or moon, which lights the background
    front: tuple[int, ...]  # slots whose sprites meet the ground and cast shadows
    patches: int  # non-empty sprite patches in memory
    colours: tuple[str, ...]  # that a named object can be recoloured to; see recolour.py
    steps: int = 0  # training steps taken

    @property
    def prop_slots(self) -> tuple[int, ...]:
        return tuple(s for s in range(self.slots) if not self.objects <= s < self.objects + OBJECT_SLOTS)


def _mlp(inputs: int, outputs: int, width: int = 128) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


class StructuredVae(nn.Module):
    """All networks of the model; sampler.py generates with them, losses.py trains them."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        places, skies = len(config.places), len(config.skies)
        self.memory = SpriteMemory(config.coded, len(config.concepts) - config.coded, config.patches)
        self.reader = TextReader(config.features, config.coded, len(config.colours), places, skies)
        width = self.reader.enter.out_features
        self.place = nn.Embedding(places, EMBED)
        self.sky = nn.Embedding(skies, EMBED)
        self.slot = nn.Embedding(len(config.prop_slots), EMBED)
        self.prop = nn.Embedding(len(config.props) + 1, EMBED)
        scene = 2 * EMBED
        self.props = _mlp(scene + EMBED, len(config.props) + 1)  # which sprite fills a slot of the surroundings, if any
        self.prop_pose = _mlp(scene + 2 * EMBED, 2 * POSE)
        self.object_pose = _mlp(scene + width + self.reader.key, 2 * POSE)
        self.z_prior = _mlp(scene + width, 2 * LATENT)
        self.light = nn.Linear(scene, config.slots * 3)
        zero_init(self.light)
        self.encoder = BackgroundEncoder(LATENT, scene + 4)
        self.decoder = BackgroundDecoder(LATENT + scene + 4)
        self.finish = Finish(scene)

    def scene(self, place: Tensor, sky: Tensor) -> Tensor:
        """Indices (n,) of place and sky to the scene's embedding (n, 2 * EMBED)."""
        return torch.cat([self.place(place), self.sky(sky)], -1)

    def prop_logits(self, scene: Tensor) -> Tensor:
        """(n, prop slots, props + 1); the first choice is an empty slot."""
        slots = self.slot.weight.expand(len(scene), -1, -1)
        return self.props(torch.cat([scene[:, None].expand(-1, slots.shape[1], -1), slots], -1))

    def prop_poses(self, scene: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (n, prop slots, 3) of the poses, given which prop (n, prop slots) fills each slot."""
        slots = self.slot.weight.expand(len(scene), -1, -1)
        inputs = torch.cat([scene[:, None].expand(-1, slots.shape[1], -1), slots, self.prop(chosen)], -1)
        return _gaussian(self.prop_pose(inputs))

    def object_poses(self, scene: Tensor, reading: Reading, concepts: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (n, 4, 3) of the poses of named objects, given their concepts (n, 4)."""
        keys = reading.keys.detach()[concepts]
        inputs = [scene[:, None].expand(-1, OBJECT_SLOTS, -1), reading.slots, keys]
        return _gaussian(self.object_pose(torch.cat(inputs, -1)))

    def prior(self, scene: Tensor, reading: Reading) -> tuple[Tensor, Tensor]:
        """p(z | text, place, sky): mean and log-variance (n, 16)."""
        return _gaussian(self.z_prior(torch.cat([scene, reading.scene], -1)))

    def lights(self, scene: Tensor) -> Tensor:
        """Factors for the colours of each slot's sprite, (n, slots, 3); 1 leaves them as they are."""
        return (1 + self.light(scene)).reshape(-1, self.config.slots, 3)


def _gaussian(values: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = values.chunk(2, -1)
    return mean, log_variance.clamp(-10, 2)
