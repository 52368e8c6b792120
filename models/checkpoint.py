"""Checkpoints: folders with config.json, model.safetensors and README.md (the model card), never pickle."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.weight_files import EMBEDDED, digest  # noqa: F401 (read as checkpoint.EMBEDDED, checkpoint.digest)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 1
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
Config = TypeVar("Config", bound="DataclassInstance")
_SCALE = ":scale"  # suffix of the tensor with the scale of each int8 row of a weight
_LARGE = 4096  # weights with at least this many numbers are stored as int8


class NotFinite(ValueError):
    """Weights that are not numbers, or too large for the precision they are kept in, are never written."""


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raises NotFinite, naming the first, where a tensor is not finite in the precision it has."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise NotFinite(f"{name} is not finite")


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json. Raises ValueError when there is none, or it is not one of ours."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not a model: it has no config.json; give default, dummy or a folder.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as a model's configuration ({error}).") from None
    if not isinstance(config, dict) or "family" not in config:
        raise ValueError(f"{path} names no family, so it is no model of imagemill; choose another folder.")
    if config.get("format") != FORMAT:
        raise ValueError(f"{folder} has format {config.get('format')!r}, this version reads {FORMAT}; train it again.")
    return config


def fill(config: type[Config], content: dict[str, Any], folder: Path) -> Config:
    """The dataclass `config` from config.json's content. Raises ValueError if a field is missing or of another type."""
    path = folder / "config.json"
    for field in dataclasses.fields(config):
        if field.name not in content:
            raise ValueError(f"{path} lacks {field.name!r}; copy the checkpoint again.")
    try:
        return TypeAdapter(config).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(map(str, wrong["loc"]))
        raise ValueError(f"{path} has {name} {wrong['input']!r:.40}; copy the checkpoint again.") from None


def load_weights(folder: Path, model: nn.Module) -> None:
    """Loads model.safetensors into the model. Raises ValueError when it is missing, damaged or of another shape."""
    path = folder / "model.safetensors"
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        pickled = next((f for pattern in PICKLED for f in folder.glob(pattern)), None)
        reason = "weights in other formats are not loaded"
        reason = f"{pickled.name} is pickled, which can run code when it is loaded" if pickled else reason
        raise ValueError(f"{folder} has no model.safetensors ({reason}).") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}); copy the checkpoint again.") from None
    wanted = model.state_dict()
    scales = {name: tensors.pop(name + _SCALE) for name in list(wanted) if name + _SCALE in tensors}
    wrong = sorted(set(wanted) ^ set(tensors)) or [n for n in wanted if wanted[n].shape != tensors[n].shape]
    if wrong:
        raise ValueError(f"{path} does not fit its config.json: {wrong[0]} is missing, spare or of another shape.")
    state = {name: tensor.to(wanted[name].dtype) for name, tensor in tensors.items()}
    for name, scale in scales.items():
        state[name] *= scale.float().reshape(-1, *[1] * (state[name].ndim - 1))
    model.load_state_dict(state)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes safetensors so that a reader sees the old file or the new one, never a part of one."""
    partial = path.with_name(f".{path.name}.partial")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata)
    with safe_open(partial, "pt"):  # raises SafetensorError if the file is shorter than its header says
        pass
    partial.chmod(path.parent.stat().st_mode & 0o666)  # safetensors lets the owner alone read it
    partial.replace(path)


def save(folder: Path, family: str, config: Any, model: nn.Module, card: str, exact: bool = False) -> None:
    """Writes a checkpoint; `config` is a dataclass. config.json is written last.

    Large weights are stored as int8 with one scale per output row, other float32 tensors as float16; all as they are
    if `exact`.

    Raises NotFinite, and writes nothing, where they could not be read back as numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {n: t.half() if t.dtype == torch.float32 and not exact else t for n, t in model.state_dict().items()}
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and weight.numel() >= _LARGE and not exact:
            rows = weight.detach().flatten(1)
            scale = (rows.abs().amax(1) / 127).clamp(min=1e-7).half().clamp(min=1e-7)
            tensors[name] = (
                (rows / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8).reshape(weight.shape)
            )
            tensors[name + _SCALE] = scale
    check_finite(tensors)
    save_tensors(folder / "model.safetensors", tensors)
    describe(folder, family, config, card)


def describe(folder: Path, family: str, config: Any, card: str) -> None:
    """Writes the model card, then config.json, whose existence means that the checkpoint is complete."""
    (folder / "README.md").write_text(card, "utf-8")
    content = {"family": family, "format": FORMAT, **dataclasses.asdict(config)}
    partial = folder / ".config.json.partial"
    partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    partial.replace(folder / "config.json")
