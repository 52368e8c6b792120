"""A diffusers checkpoint on disk, which loads in two halves.

The folder holds `model_index.json`, which names the pipeline's class and its parts, and a folder for each part. The
text half is the text encoders and their tokenizers; the picture half is the rest: denoiser, decoder, scheduler. Weights
load from safetensors only, and a checkpoint's own code is never run.
"""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import torch

from models.diffusers import weights
from models.diffusers.hub import INDEX, LEFT_OUT, library
from models.messages import one_line, one_sentence
from models.text.transformers_encoder import has_vocabulary, weights_digest
from models.weight_files import check_classes, read_json

Half = Literal["text", "picture", "whole"]
_TEXT = ("text_encoder", "tokenizer", "processor")
# Pipelines whose encode_prompt reads the width of features from the denoiser's configuration, if there is no T5.
_ASKS_DENOISER = {"StableDiffusion3Pipeline"}
_CONFIG_ONLY = ("tokenizer", "processor", "scheduler", "feature_extractor")


class DiffusersCheckpoint:
    """An opened checkpoint: checked, no weights loaded. Raises ValueError with one sentence if it cannot be used.

    Attributes:
        name: what metadata calls it by.
        kind: the pipeline's class.
        parts: names of the parts that are there.
        loaded: those of them that are ever loaded.
        variant: of the weights to load, such as `fp16`; None for plain ones.
        own: whether the folder is a user's rather than a download in the cache.
    """

    def __init__(self, folder: Path, name: str | None = None, own: bool = True) -> None:
        self.folder = folder
        self.own = own
        self.name = name or folder.resolve().name
        self._index = self._read_index()
        self.kind = self._find_kind()
        self.parts = tuple(p for p, where in self._index.items() if _is_part(where) and None not in where)
        self.loaded = tuple(part for part in self.parts if part not in LEFT_OUT)
        for part in ("text_encoder", "unet", "transformer", "vae"):
            if part in self._required and part not in self.parts:
                raise ValueError(f"{self.folder} is saved without its {part}; copy the checkpoint again, whole.")
        for part in self.loaded:
            self._check_part(part, str(self._index[part][0]))
        weighty = self._weighty(self.loaded)
        self.variant = weights.common_variant(weighty)
        for where in weighty:
            weights.check(where, self.variant)

    def _read_index(self) -> dict[str, Any]:
        index = read_json(self.folder / INDEX)
        return {name: value for name, value in index.items() if name == "_class_name" or not name.startswith("_")}

    def _find_kind(self) -> Any:
        name = self._index.get("_class_name")
        kind = getattr(library(), name, None) if isinstance(name, str) else None
        if kind is None:
            raise ValueError(
                f"{self.folder} wants the pipeline {name!r}, which this version of diffusers does not have "
                "(a checkpoint's own code is never run); choose another checkpoint or update diffusers."
            )
        try:
            hasattr(kind, "encode_prompt")
        except (
            ImportError
        ) as error:  # diffusers has such a class in name only, where a library that it needs is not here
            raise ValueError(f"{self.folder} cannot be loaded: {one_line(error)}") from None
        return kind

    def _check_part(self, part: str, library: str) -> None:
        folder = self.folder / part
        if not folder.is_dir():
            raise ValueError(f"{self.folder} lacks the folder of its part {part!r}; copy the checkpoint again.")
        if library not in {"diffusers", "transformers"}:
            raise ValueError(
                f"{self.folder}: the part {part!r} is code of its own ({library}), which is never run; choose another."
            )
        name = self._index[part][1]
        kind = getattr(importlib.import_module(library), name, None)
        if kind is None:
            raise ValueError(
                f"{self.folder} wants {name} for its part {part!r}, which this version of {library} does not have; "
                f"choose another checkpoint or update {library}."
            )
        has_weights = not part.startswith(_CONFIG_ONLY)
        if has_weights != (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
            fit = "a network" if has_weights else "no network"
            raise ValueError(
                f"{self.folder} names {name} as the class of its part {part!r}, which has to be {fit}; "
                "choose another checkpoint."
            )
        if not has_weights:
            check_classes(folder)
        if part.startswith("tokenizer") and kind != "ByT5Tokenizer" and not has_vocabulary(folder):
            raise ValueError(f"{folder} has no vocabulary (tokenizer.json or its kin); copy the checkpoint again.")

    def _weighty(self, parts: Sequence[str]) -> list[Path]:
        """The folders of those of the parts that have weights."""
        return [self.folder / part for part in parts if not part.startswith(_CONFIG_ONLY)]

    @property
    def _required(self) -> list[str]:
        """The arguments of the pipeline's class without a default."""
        arguments = inspect.signature(self.kind.__init__).parameters
        return [name for name, given in arguments.items() if name != "self" and given.default is given.empty]

    def half(self, half: Half) -> tuple[str, ...]:
        """The names of a half's loaded parts; `whole`: of both, for pipelines whose call does everything."""
        if half == "whole":
            return self.loaded
        return tuple(part for part in self.loaded if part.startswith(_TEXT) == (half == "text"))

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """sha256, hex, of each loaded part."""
        return {part: _digest(self.folder / part) for part in self.loaded}

    def digest(self, half: Half) -> str:
        """sha256, hex, of a half's parts (weights, configurations, vocabularies) and of the pipeline's settings."""
        parts = {part: self.digests[part] for part in self.half(half)}
        settings = {name: value for name, value in self._index.items() if not _is_part(value)}  # its class is one
        return hashlib.sha256(json.dumps([settings, parts], sort_keys=True).encode()).hexdigest()

    def bytes(self, half: Half, dtype: torch.dtype, in_bytes: Collection[str] = ()) -> int:
        """Memory of a half's weights as `dtype`; those of the parts `in_bytes` take one byte each."""
        return sum(
            weights.numbers(file) * (1 if where.name in in_bytes else dtype.itemsize)
            for where in self._weighty(self.half(half))
            for file in weights.files(where, self.variant)
        )

    @cached_property
    def tokenizers(self) -> Mapping[str, Any]:
        """The tokenizers by part, of text encoders that are there. Loaded once, however often the networks are."""
        import transformers

        return {
            part: getattr(transformers, self._index[part][1]).from_pretrained(
                self.folder / part, local_files_only=True, trust_remote_code=False
            )
            for part in self.half("text")
            if part.startswith("tokenizer") and part.replace("tokenizer", "text_encoder") in self.loaded
        }

    def load(
        self,
        half: Half,
        dtype: torch.dtype,
        device: str,
        offload: bool = False,
        prepare: Callable[[Any], None] | None = None,
        kind: Any = None,
    ) -> Any:
        """A pipeline with the parts of one half and the scheduler; those of the other half are None.

        Args:
            offload: bring each part to the device only while it runs.
            prepare: called with the pipeline before any part is on the device.
            kind: another pipeline's class that works with the same parts.

        Raises:
            ValueError: weights are missing or do not fit; the message is one sentence.
        """
        wanted = {*self.half(half), "scheduler"}
        absent: dict[str, Any] = {part: None for part in (*self.parts, *self._required) if part not in wanted}
        with one_sentence(self.folder):
            given = {**self.tokenizers, **self._text_networks(dtype)} if half != "picture" else {}
            pipe = (kind or self.kind).from_pretrained(
                self.folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False,
                variant=self.variant,
                **absent, **given, **({"requires_safety_checker": False} if "safety_checker" in self.parts else {}),
            )  # fmt: skip
        weights.check_whole(self.folder, pipe)
        pipe.set_progress_bar_config(disable=True)
        if half == "text" and self.kind.__name__ in _ASKS_DENOISER:
            pipe.transformer = SimpleNamespace(config=self.skeleton().transformer.config)
        if prepare is not None:
            prepare(pipe)
        if offload:
            pipe.enable_model_cpu_offload(device=device)
            return pipe
        return pipe.to(device)

    def _text_networks(self, dtype: torch.dtype) -> dict[str, Any]:
        """The text encoders, loaded apart: a pipeline would not report weights that it initialises at random."""
        import transformers

        return {
            where.name: weights.load_whole(
                getattr(transformers, self._index[where.name][1]), where, self.variant, dtype
            )
            for where in self._weighty(self.half("text"))
            if self._index[where.name][0] == "transformers"
        }

    def skeleton(self) -> Any:
        """A pipeline of the picture half on the meta device: sizes and schedulers without the weights' memory."""
        diffusers, index = library(), self._index
        parts: dict[str, Any] = {part: None for part, where in index.items() if _is_part(where)}
        parts |= dict.fromkeys(self._required)
        for part in self.half("picture"):
            kind = getattr(diffusers, index[part][1])
            if part == "scheduler":
                parts[part] = kind.from_pretrained(self.folder, subfolder=part)
            else:
                with torch.device("meta"):
                    parts[part] = kind.from_config(kind.load_config(self.folder, subfolder=part))
        settings = {name: value for name, value in index.items() if name != "_class_name" and name not in parts}
        return self.kind(**parts, **settings)


def _is_part(where: Any) -> bool:
    """Whether a value of the index is a part ([library, class], or nulls) rather than a setting."""
    return isinstance(where, list) and len(where) == 2 and all(isinstance(name, str | None) for name in where)


def _digest(folder: Path) -> str:
    total = hashlib.sha256(weights_digest(folder).encode())
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in {".json", ".txt", ".model", ".jinja"}:
            total.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
