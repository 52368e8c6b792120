"""LoRA adapters: small files that change a checkpoint's denoiser, several at once, each with a weight.

Only safetensors are read. What an adapter has for text encoders is left out: texts are encoded by the checkpoint's own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from models.diffusers.acceleration import accelerate, denoiser_of
from models.diffusers.options import Acceleration
from models.messages import one_line, one_sentence

_USUAL = "pytorch_lora_weights.safetensors"
_OF_TEXT = ("text_encoder", "lora_te", "te1.", "te2.")  # how names of tensors for text encoders begin


@dataclass(frozen=True)
class Lora:
    """An adapter's file and the factor on what it changes."""

    file: Path
    weight: float

    @cached_property
    def digest(self) -> str:
        """sha256 of the file and the weight, hex."""
        with self.file.open("rb") as opened:
            return hashlib.sha256(
                f"{hashlib.file_digest(opened, 'sha256').hexdigest()} {self.weight!r}".encode()
            ).hexdigest()


def open_loras(given: Sequence[str], kind: Any) -> list[Lora]:
    """Adapters as `FOLDER`, `FOLDER:weight` or a .safetensors file instead of the folder.

    Args:
        kind: the pipeline's class.

    Raises:
        ValueError: one is not there, its weight is no number, or the pipeline takes none; a message of one sentence.
    """
    if given and not hasattr(kind, "load_lora_weights"):
        raise ValueError(f"lora: {kind.__name__} takes no adapters; leave it out.")
    return [_open(one) for one in given]


def digest_with(digest: str, loras: Sequence[Lora]) -> str:
    """The digest of a checkpoint with adapters, hex; its own without any."""
    return hashlib.sha256(" ".join([digest, *(one.digest for one in loras)]).encode()).hexdigest() if loras else digest


def _open(given: str) -> Lora:
    path, weight = given, 1.0
    head, _, tail = given.rpartition(":")
    if head and not Path(given).exists():
        try:
            path, weight = head, float(tail)
        except ValueError:
            raise ValueError(f"lora {given!r}: {tail!r} is no number; give FOLDER or FOLDER:weight.") from None
    if not -10 <= weight <= 10:
        raise ValueError(f"lora {given!r}: give a weight from -10 to 10.")
    folder = Path(path).expanduser()
    files = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    usual = [file for file in files if file.name == _USUAL]
    files = usual or files
    if len(files) != 1 or files[0].suffix != ".safetensors":
        what = f"has {len(files)} .safetensors files" if folder.is_dir() else "is no folder or .safetensors file here"
        raise ValueError(f"lora {given!r}: {path} {what}; give the folder or file of one adapter.")
    return Lora(files[0], weight)


def adapt(loras: Sequence[Lora], options: Acceleration, pipe: Any) -> None:
    """Makes a pipeline's denoiser half what adapters and options say, before it comes to the device.

    Raises:
        ValueError: one of them does not fit; the message is one sentence.
    """
    _add(pipe, loras)
    accelerate(pipe, options)


def _add(pipe: Any, loras: Sequence[Lora]) -> None:
    names = [f"lora{number}" for number in range(len(loras))]
    for name, lora in zip(names, loras, strict=True):
        try:
            state = load_file(lora.file)
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{lora.file} cannot be read as safetensors ({one_line(error)}); copy it again."
            ) from error
        kept = {key: value for key, value in state.items() if not key.startswith(_OF_TEXT)}
        with one_sentence(lora.file):
            pipe.load_lora_weights(kept, adapter_name=name)
        if name not in getattr(denoiser_of(pipe), "peft_config", {}):
            raise ValueError(
                f"{lora.file} holds nothing for {type(denoiser_of(pipe)).__name__}; it is of another model."
            )
    if names:
        denoiser_of(pipe).set_adapters(names, [lora.weight for lora in loras])
