"""`family: "flow"`: latent rectified flow (Liu 2022) by a transformer of diffusers that attends to words and things.

The transformer's velocity leads from noise to an image's latents in a few Euler steps, with classifier-free guidance
(Ho 2022). A checkpoint is a folder as diffusers keeps them (`model_index.json`, `transformer/`, `scheduler/`), with the
autoencoder's codec under `vae/`, what makes tokens of retrieved things under `things/`, and our `config.json` and model
card beside them.
"""

import copy
import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from models import checkpoint
from models.generators.latent.base import LatentConfig, LatentModel, config_of
from models.generators.latent.codec import CHANNELS, PATCH
from models.generators.latent.text_to_latent import HEAD, Normaliser
from models.generators.latent.things import Retrieved, ThingTokens, beside
from models.messages import one_line
from models.text_features import Features
from models.weight_files import check_safetensors_only

try:
    from diffusers import FlowMatchEulerDiscreteScheduler, PixArtTransformer2DModel
except ImportError as error:
    raise ValueError("A model of the family flow needs diffusers: pip install 'imagemill[diffusers]'.") from error

GUIDANCE = 3.0  # scale of classifier-free guidance
EULER_STEPS = 16
_WEIGHTS = "diffusion_pytorch_model.safetensors"
_PARTS = (
    "config.json",
    "transformer/config.json",
    f"transformer/{_WEIGHTS}",
    "scheduler/scheduler_config.json",
    "vae/config.json",
    "vae/model.safetensors",
)


class Flow(LatentModel):
    """The transformer, and the codec that decodes its latents; the codec is the autoencoder's and is not trained.

    A saved transformer takes features as the encoder makes them: the normalisation is folded into its first layer.
    """

    def __init__(self, config: LatentConfig, transformer: PixArtTransformer2DModel | None = None) -> None:
        edge = config.size // PATCH
        super().__init__(config, noise=(CHANNELS, edge, edge))
        self.codec.requires_grad_(False)
        self.transformer = transformer or PixArtTransformer2DModel(
            num_attention_heads=config.width // HEAD,
            attention_head_dim=HEAD,
            num_layers=config.layers,
            in_channels=CHANNELS,
            out_channels=CHANNELS,
            sample_size=edge,
            patch_size=2,
            cross_attention_dim=config.width,
            caption_channels=config.features,
            use_additional_conditions=False,
        )
        self.scheduler = FlowMatchEulerDiscreteScheduler()
        self.normalise = Normaliser(config.features)
        self.things = ThingTokens(edge, config.features) if config.retrieves else None

    def velocity(self, latents: Tensor, texts: Retrieved, noisiness: Tensor) -> Tensor:
        """The velocity (batch, 16, edge, edge), from data towards noise, at latents mixed with a share of noise.

        `latents` is (batch, 16, edge, edge), `noisiness` (batch,) in [0, 1].
        """
        read = Features(self.normalise(texts.tokens, texts.mask), texts.mask)
        if self.things is not None and texts.things is not None:
            read = beside(read, self.things(texts.things))
        return self.transformer(
            latents,
            encoder_hidden_states=read.tokens,
            encoder_attention_mask=read.mask,
            timestep=noisiness * self.scheduler.config.num_train_timesteps,
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            return_dict=False,
        )[0]

    def loss(self, texts: Retrieved, wanted: Tensor) -> Tensor:
        """Mean squared error of the velocity at a random share of noise, for latents (batch, 16, edge, edge).

        One text in ten is dropped, for classifier-free guidance.
        """
        count = len(wanted)
        share = torch.sigmoid(
            torch.randn(count, device=wanted.device)
        )  # most of the work is in the middle (Esser 2024)
        noise = torch.randn_like(wanted)
        mixed = torch.lerp(wanted, noise, share[:, None, None, None])
        said = torch.rand(count, device=wanted.device) >= 0.1
        return (self.velocity(mixed, texts.without(~said), share).float() - (noise - wanted)).square().mean()

    def latents(self, texts: Retrieved, noise: Tensor) -> Tensor:
        """Euler steps with classifier-free guidance from noise to latents, both (batch, 16, edge, edge)."""
        count = len(noise)
        both = texts.twice(texts.without(torch.ones(count, dtype=torch.bool, device=noise.device)))
        self.scheduler.set_timesteps(EULER_STEPS, device=noise.device)
        latents = noise
        for time in self.scheduler.timesteps:
            share = (time / self.scheduler.config.num_train_timesteps).expand(2 * count)
            said, unsaid = self.velocity(latents.repeat(2, 1, 1, 1), both, share).chunk(2)
            latents = self.scheduler.step(torch.lerp(unsaid, said, GUIDANCE), time, latents, return_dict=False)[0]
        return latents


def adapt(model: Flow, rank: int) -> None:
    """Sets the model up for fine-tuning of low-rank adapters (LoRA, Hu 2021) on all attention; the rest is frozen.

    Raises ValueError when peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ValueError("Adapters need peft: pip install 'imagemill[diffusers]', or train all weights.") from error
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=["to_q", "to_k", "to_v", "to_out.0"])
    model.transformer = get_peft_model(model.transformer, config)


def begin(model: Flow, folder: Path) -> None:
    """Loads a checkpoint's codec and transformer into the model, its first layer for normalised features again.

    Raises ValueError with a sentence when the checkpoint is damaged or of other sizes.
    """
    loaded = _transformer(folder)
    _fold(loaded, -model.normalise.mean / model.normalise.spread, 1 / model.normalise.spread)
    if model.things is not None:
        checkpoint.load_weights(folder / "things", model.things)
        _fold_things(model.things, -model.normalise.mean / model.normalise.spread, 1 / model.normalise.spread)
    try:
        model.transformer.load_state_dict(loaded.state_dict())
    except RuntimeError as error:
        sentence = f"{folder} has a transformer of other sizes than its config.json; copy the checkpoint again."
        raise ValueError(sentence) from error
    checkpoint.load_weights(folder / "vae", model.codec)


def _fold(transformer: PixArtTransformer2DModel, mean: Tensor, spread: Tensor) -> None:
    """Makes the first layer take features x where it took (x - mean) / spread."""
    with torch.no_grad():
        layer = transformer.caption_projection.linear_1
        layer.weight /= spread
        layer.bias -= layer.weight @ mean


def _fold_things(things: ThingTokens, mean: Tensor, spread: Tensor) -> None:
    """Makes the tokens x * spread + mean of what were x."""
    with torch.no_grad():
        things.leave.weight *= spread[:, None]
        things.leave.bias.mul_(spread).add_(mean)


def save(folder: Path, model: Flow, config: LatentConfig, card: str) -> None:
    """Writes a checkpoint folder, config.json last; adapters are merged, and kept apart under `lora/` as well.

    Raises NotFinite, and writes nothing, where weights are not finite in half precision.
    """
    adapted = transformer = copy.deepcopy(model.transformer)
    if hasattr(transformer, "merge_and_unload"):
        transformer = copy.deepcopy(adapted).merge_and_unload()
    _fold(transformer, model.normalise.mean, model.normalise.spread)
    checkpoint.check_finite(transformer.half().state_dict())
    if transformer is not adapted:
        adapted.save_pretrained(folder / "lora", safe_serialization=True)
        (folder / "lora" / "README.md").write_text("Adapters that are merged already; see ../README.md.\n", "utf-8")
    checkpoint.save(folder / "vae", "codec", config, model.codec, "The autoencoder's codec; see ../README.md.\n")
    if model.things is not None:
        things = copy.deepcopy(model.things)
        _fold_things(things, model.normalise.mean, model.normalise.spread)
        checkpoint.save(folder / "things", "things", config, things, "Tokens of retrieved things; see ../README.md.\n")
    for name, part in (("transformer", transformer), ("scheduler", model.scheduler)):
        partial = folder / f".{name}.partial"
        part.save_pretrained(partial)
        (folder / name).mkdir(exist_ok=True)
        for file in partial.iterdir():
            file.replace(folder / name / file.name)
        partial.rmdir()
    index = {
        "_class_name": "imagemill latent flow",
        "transformer": ["diffusers", "PixArtTransformer2DModel"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "vae": ["imagemill", "Codec"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n", "utf-8")
    checkpoint.describe(folder, "flow", config, card)


def load(folder: Path) -> Flow:
    """Loads a checkpoint folder. Raises ValueError with one sentence if it cannot be used."""
    config = config_of(checkpoint.read_config(folder), folder)
    transformer = _transformer(folder)
    if transformer.config.caption_channels != config.features:
        raise ValueError(f"{folder} has a transformer that does not fit its config.json; copy the checkpoint again.")
    model = Flow(config, transformer)
    checkpoint.load_weights(folder / "vae", model.codec)
    if model.things is not None:
        checkpoint.load_weights(folder / "things", model.things)
    return model


def _transformer(folder: Path) -> PixArtTransformer2DModel:
    missing = [part for part in _PARTS if not (folder / part).is_file()]
    if missing:
        pickled = " (pickled weights are not loaded)" if missing[0].endswith("safetensors") else ""
        raise ValueError(f"{folder} lacks {missing[0]}{pickled}; copy the checkpoint again.")
    check_safetensors_only(folder / "transformer")
    try:
        loaded: PixArtTransformer2DModel = PixArtTransformer2DModel.from_pretrained(
            folder, subfolder="transformer", use_safetensors=True, torch_dtype=torch.float32
        )
        if any(weight.is_meta for weight in loaded.parameters()):
            raise ValueError("its file has no weights for a part of it")
        return loaded
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"{folder}/transformer is damaged or cut short ({one_line(error)}); copy the checkpoint again."
        ) from None


def digest(folder: Path) -> str:
    """sha256, hex, of all files that decide what the checkpoint generates."""
    total = hashlib.sha256()
    for part in (*_PARTS, "things/model.safetensors"):
        if (folder / part).exists():  # not all retrieve things
            total.update((folder / part).read_bytes())
    return total.hexdigest()
