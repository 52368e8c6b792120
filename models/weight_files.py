"""Which files a library would load as weights from a model's folder: safetensors or nothing.

transformers and diffusers take `use_safetensors=True` for the first file alone. What an index lists, what a config
points to and what a tokenizer's class is may still lead to a pickle, which can run code when it is loaded. These checks
read such files first. Each raises ValueError with one sentence.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EMBEDDED = Path(__file__).parent / "weights"
"""Checkpoints that come with the package: generator, judge, denoiser."""
DEFAULT = EMBEDDED / "vae"
"""The embedded generator."""
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_MOST_JSON = 256 << 20  # bytes; a large model's index has 10 MB
_CLASS_KEYS = ("tokenizer_class", "processor_class", "image_processor_type", "feature_extractor_type")


def digest(folder: Path) -> str:
    """sha256, hex, of a checkpoint's weights and configuration."""
    total = hashlib.sha256()
    for name in ("config.json", "model.safetensors"):
        total.update((folder / name).read_bytes())
    return total.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds."""
    try:
        if path.stat().st_size > _MOST_JSON:
            raise ValueError("it is too large")
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({_first_line(error)}); copy the model again.") from None
    except RecursionError:
        raise ValueError(f"{path} cannot be read (it is nested too deeply); copy the model again.") from None
    return content


def check_safetensors_only(folder: Path) -> None:
    """Refuses a folder from which other weights than its own safetensors would be loaded."""
    for path, listed in _indices(folder):
        foreign = next((name for name in listed if not _is_own_safetensors(name)), None)
        if foreign is not None:
            raise ValueError(
                f"{path} lists {str(foreign)[:80]!r} as weights; only safetensors beside it are loaded, never pickles, "
                "which can run code. Save the model again as safetensors."
            )
    if (folder / "adapter_config.json").is_file():
        raise ValueError(f"{folder} holds an adapter of another model; merge it into that one and save it whole.")
    if (folder / "config.json").is_file():
        named = read_json(folder / "config.json").get("transformers_weights")
        if named is not None and not _is_own_safetensors(named):
            raise ValueError(f"{folder / 'config.json'} wants weights from {str(named)[:80]!r}; save the model again.")


def check_classes(folder: Path) -> None:
    """Refuses a tokenizer's or processor's folder whose configuration names a network as its class."""
    import transformers
    from torch import nn

    for name in ("tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "config.json"):
        path = folder / name
        content = read_json(path) if path.is_file() else {}
        for key in _CLASS_KEYS:
            kind = getattr(transformers, content[key], None) if isinstance(content.get(key), str) else None
            if isinstance(kind, type) and issubclass(kind, nn.Module):
                raise ValueError(f"{path} names the network {content[key]} as {key}; copy the model again.")


def index_digest(folder: Path) -> str:
    """sha256, hex, of the indices that say which tensor is taken from which file; empty if there is none."""
    total = hashlib.sha256()
    paths = sorted(folder.glob("*.safetensors.index*.json"))
    for path in paths:
        total.update(f"{path.name}\0".encode() + path.read_bytes())
    return total.hexdigest() if paths else ""


def listed_files(index: Path) -> set[Any]:
    """The files that an index of shards lists."""
    listed = read_json(index).get("weight_map")
    if not isinstance(listed, dict) or not all(isinstance(name, str) for name in listed.values()):
        raise ValueError(f"{index} cannot be read (it has no weight_map of file names); copy the model again.")
    return set(listed.values())


def _indices(folder: Path) -> Iterator[tuple[Path, set[Any]]]:
    for path in sorted(folder.glob("*.safetensors.index*.json")):
        yield path, listed_files(path)


def _is_own_safetensors(name: object) -> bool:
    """Whether a name is that of a file in the folder itself, as far as it tells."""
    if not isinstance(name, str) or "/" in name or "\\" in name:
        return False
    return name.endswith((".safetensors", ".safetensors.index.json"))


def _first_line(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)[:200]
