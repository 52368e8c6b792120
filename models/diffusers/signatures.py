"""A diffusers pipeline's interface, from its signatures: how texts are encoded, and what its call takes of that.

Pipelines have one convention in common: whatever `encode_prompt` returns, `__call__` takes under the same name, so the
names in its last `return` say which tensors are features. What names do not tell is in `_ADAPTERS`.
"""

import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from models.diffusers.workarounds import returned_names

NEGATIVE = "negative_"


@dataclass(frozen=True)
class Adapter:
    """What signatures do not tell of a pipeline."""

    tokens: int = 1
    """The network rounds lengths of texts up to a multiple of this, so that rows of one multiple may share a batch."""
    full_row: bool = False
    """The network pads to the longest text of a batch, so that each batch needs a row whose mask is all ones."""
    mixed: bool = False
    """Guidance is a factor on whole batches, so that each row may have its own."""
    before: str = ""
    """Template before a text, which counts where the text is cut."""
    references: int = 0
    """How many pictures a row may follow."""
    shared: bool = False
    """The call's list of pictures is that of all its rows, rather than one a row."""
    refused: str | None = None
    """Why it cannot be run here."""


_CHAT = "<|im_start|>user\n"
_LUMINA = (
    "You are an assistant designed to generate superior images with the superior degree of image-text alignment "
    "based on textual prompts or user prompts. <Prompt Start> "
)
_TWO_CALLS = "its two text encoders want a call each"
_ADAPTERS: Mapping[str, Adapter] = {
    "ZImagePipeline": Adapter(tokens=32, before=_CHAT),
    "Lumina2Pipeline": Adapter(full_row=True, mixed=True, before=_LUMINA),
    "StableDiffusionPipeline": Adapter(mixed=True),
    "StableDiffusionXLPipeline": Adapter(mixed=True),
    "StableDiffusion3Pipeline": Adapter(mixed=True),
    "PixArtSigmaPipeline": Adapter(mixed=True),
    "SanaPipeline": Adapter(mixed=True),
    "QwenImagePipeline": Adapter(mixed=True),
    "Flux2KleinPipeline": Adapter(mixed=True, before=_CHAT, references=4, shared=True),
    "HunyuanDiTPipeline": Adapter(refused=_TWO_CALLS),
    "HunyuanDiTPAGPipeline": Adapter(refused=_TWO_CALLS),
    "GlmImagePipeline": Adapter(refused="its pictures start from tokens that a language model draws"),
    "FluxKontextPipeline": Adapter(references=1),
}
# Arguments of calls that start from an image; `image` alone may also be an optional reference.
_PICTURE_FIRST = {"strength", "mask_image", "masked_image_latents", "original_image"}
_FOLLOWS = "Control|Adapter|Edit|Upscale|Refiner|SuperResolution|Img2Img|Pix2Pix"
# Arguments that differ from the call's own defaults: cleaning depends on which packages are installed.
_SET = {"clean_caption": False, "num_images_per_prompt": 1, "use_resolution_binning": False, "_auto_resize": False}


@dataclass(frozen=True)
class Interface:
    """A pipeline's class as read. Raises ValueError with one sentence if its texts cannot be encoded on their own."""

    kind: Any
    adapter: Adapter = field(init=False)

    def __post_init__(self) -> None:
        name = self.kind.__name__
        object.__setattr__(self, "adapter", _ADAPTERS.get(name, Adapter()))
        why = self.adapter.refused or self._unfit()
        if why is not None:
            raise ValueError(f"{name} cannot be run as a generator: {why}; choose another checkpoint.")

    def _unfit(self) -> str | None:
        """Why its signatures say that it cannot be run here."""
        if not hasattr(self.kind, "encode_prompt"):
            return "it does not encode texts apart from making pictures"
        if not {"prompt_embeds", "num_inference_steps", "generator"} <= self._call.keys():
            return "its call takes no text that was encoded before"
        if "num_frames" in self._call or "Video" in self.kind.__name__:
            return "it makes films"
        if _PICTURE_FIRST & self._call.keys() or re.search(_FOLLOWS, self.kind.__name__):
            return "it follows a picture that is given to it"
        if not {"width", "height"} <= self._call.keys():
            return "it cannot be told the size of a picture"
        if "prompt_embeds" not in self.features:
            return "its encode_prompt does not return what its call takes"
        return None

    @cached_property
    def _call(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.kind.__call__).parameters)

    @cached_property
    def _encode(self) -> dict[str, inspect.Parameter]:
        return {n: p for n, p in inspect.signature(self.kind.encode_prompt).parameters.items() if n != "self"}

    @cached_property
    def returned(self) -> tuple[str, ...]:
        """The names of what `encode_prompt` returns."""
        return returned_names(self.kind.encode_prompt)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of features: those of `returned` that the call takes."""
        return tuple(name for name in self.returned if name in self._call)

    @property
    def encodes_pairs(self) -> bool:
        """Whether `encode_prompt` itself encodes negative texts, and in a way of their own."""
        return "negative_prompt" in self._encode

    @property
    def guidance(self) -> str | None:
        """The call's argument for the guidance scale, or None if it has none.

        A pipeline that has `true_cfg_scale` beside a `guidance_scale` (FLUX) feeds the latter to a distilled network.
        """
        given = self._call.get("guidance_scale")
        if "true_cfg_scale" in self._call and (given is None or given.default is None):
            return "true_cfg_scale"
        return None if given is None else "guidance_scale"

    @property
    def knows_negative(self) -> bool:
        """Whether the pipeline uses a negative text by default, without a second scale being set for it."""
        distilled = self.guidance == "guidance_scale" and "true_cfg_scale" in self._call
        return f"{NEGATIVE}prompt_embeds" in self._call and not distilled

    @property
    def listed(self) -> bool:
        """Whether the call takes features as a list of tensors of any length instead of one padded tensor."""
        return str(self._call["prompt_embeds"].annotation).startswith("list[torch.")

    def default(self, name: str) -> Any:
        """The call's own value of an argument; None if it has none."""
        given = self._call.get(name)
        return None if given is None or given.default is inspect.Parameter.empty else given.default

    @property
    def defaults(self) -> dict[str, Any]:
        """What a row may set beside its text, seed and size, with the call's own values."""
        found = {"steps": self.default("num_inference_steps")}
        if self.guidance is not None and isinstance(self.default(self.guidance), int | float):
            found["guidance"] = float(self.default(self.guidance))
        if self.knows_negative:
            found["negative_text"] = None
        return found

    @property
    def longest(self) -> float:
        """Tokens of a text that `encode_prompt` takes at most; a tokenizer may have a lower limit of its own."""
        return self.default("max_sequence_length") or math.inf

    def as_read(self, text: str) -> str:
        """A text as the tokenizers get it, without what comes after it."""
        cleaned = text.lower().strip() if "clean_caption" in self._encode else text  # so it is where that is False
        return self.adapter.before + cleaned

    def encode_arguments(self, texts: list[str], negatives: list[str] | None, paired: bool) -> dict[str, Any]:
        """Arguments of `encode_prompt`: what the call itself would pass, for these texts.

        `paired`: negatives are wanted too (None: the pipeline's own).
        """
        arguments: dict[str, Any] = {}
        for name in self._encode:
            if name in _SET:
                arguments[name] = _SET[name]
            elif name in self._call and name not in {"prompt", "negative_prompt"}:
                arguments[name] = self.default(name)
        arguments["prompt"] = texts
        if "do_classifier_free_guidance" in self._encode:
            arguments["do_classifier_free_guidance"] = paired
        if paired and negatives is not None:
            arguments["negative_prompt"] = negatives
        elif paired and self.default("negative_prompt") is not None:
            arguments["negative_prompt"] = [self.default("negative_prompt")] * len(texts)
        return arguments

    def call_arguments(self, width: int, height: int, steps: int, guidance: float | None) -> dict[str, Any]:
        """Arguments of the call beside features and noise."""
        arguments: dict[str, Any] = {"num_inference_steps": steps, "output_type": "pt", "width": width}
        arguments["height"] = height
        if self.guidance is not None and guidance is not None:
            arguments[self.guidance] = guidance
        arguments.update({name: value for name, value in _SET.items() if name in self._call})
        if "max_area" in self._call:  # Kontext would make another size of the one that it is told
            arguments["max_area"] = width * height
        if "negative_prompt" in self._call:  # some default to a text of their own, which then clashes with features
            arguments["negative_prompt"] = None
        return arguments
