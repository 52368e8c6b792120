"""Weight files of a diffusers checkpoint's part: which are loaded, and whether they are whole.

A part's folder has `NAME.safetensors`, or shards `NAME-00001-of-00002.safetensors` with an index that lists them. A
variant stands before the ending (`NAME.fp16.safetensors`); many checkpoints have only a variant.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from models.messages import one_line
from models.weight_files import PICKLED, check_safetensors_only, listed_files

CONVERT = (
    "convert the checkpoint where you trust it: "
    "DiffusionPipeline.from_pretrained(FOLDER, use_safetensors=False).save_pretrained(NEW)"
)
_UNUSED = ("lm_head.", "pooler.")  # heads that feature extraction does not need
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}


def common_variant(folders: Sequence[Path]) -> str | None:
    """The variant to load: None if every part has plain weights, else one that all other parts have.

    Raises ValueError with one sentence if there is no such variant, or a part has no weights.
    """
    each = [{_variant(file.name) for file in _found(folder)} for folder in folders]
    only = [variants for variants in each if None not in variants]
    shared = set[str | None].intersection(*only) if only else {None}
    if not shared:
        said = ", ".join(sorted({str(variant) for variants in only for variant in variants}))
        raise ValueError(f"{folders[0].parent} has no one variant of all its parts ({said}); copy one of them whole.")
    return min(shared, key=str)


def files(folder: Path, variant: str | None) -> list[Path]:
    """The files that are loaded for a variant: its own, or plain ones if the part has no such variant."""
    found = _found(folder)
    of_variant = [file for file in found if _variant(file.name) == variant]
    return of_variant or [file for file in found if _variant(file.name) is None]


def check(folder: Path, variant: str | None) -> None:
    """Raises ValueError with one sentence if a file is missing, damaged, cut short or no safetensors."""
    loaded = files(folder, variant)
    for file in loaded:
        try:
            safe_open(file, "pt")  # reads the header, and whether the file is as long as it says
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{file} is damaged or cut short ({one_line(error)}); copy the checkpoint again."
            ) from None
    check_safetensors_only(folder)
    there = {file.name for file in loaded}
    for index in folder.glob("*.safetensors.index*.json"):
        listed = listed_files(index)
        if listed & there and listed - there:  # an index of another variant lists none of them
            raise ValueError(f"{folder} lacks {min(listed - there)}, which {index.name} lists; copy it again, whole.")
    if not any(folder.glob("*.safetensors.index*.json")) and any("-of-" in name for name in there):
        raise ValueError(f"{folder} has weights in several files and no index of them; copy it again, whole.")


def load_whole(kind: Any, folder: Path, variant: str | None, dtype: torch.dtype) -> Any:
    """Loads a network of the library transformers on the CPU.

    Raises ValueError with one sentence if weights are missing, which transformers would initialise at random.
    """
    named = {"variant": variant} if any(_variant(file.name) == variant for file in files(folder, variant)) else {}
    network, told = kind.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False,
        output_loading_info=True, **named,
    )  # fmt: skip
    missing = [name for name in told["missing_keys"] if not name.startswith(_UNUSED)]
    if missing:
        raise ValueError(_lacks(folder, min(missing)))
    return network


def check_whole(folder: Path, pipe: Any) -> None:
    """Raises ValueError with one sentence if a part of the library diffusers has weights that its files lack."""
    for part, network in pipe.components.items():
        if isinstance(network, nn.Module):
            for name, weight in network.state_dict().items():
                if weight.is_meta:
                    raise ValueError(_lacks(folder / part, name))


def _lacks(folder: Path, name: str) -> str:
    return f"{folder} lacks weights that its config.json asks for ({name} ...); copy it again."


def numbers(file: Path) -> int:
    """How many numbers a safetensors file holds, if all are of the first tensor's type."""
    with safe_open(file, "pt") as opened:
        names = list(opened.keys())
        width = _BYTES.get(opened.get_slice(names[0]).get_dtype(), 1) if names else 1
    return file.stat().st_size // width


def _found(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.safetensors"))
    if not found and any(pickled for pattern in PICKLED for pickled in folder.glob(pattern)):
        raise ValueError(f"{folder} has only pickled weights, which can run code when loaded; {CONVERT}.")
    if not found:  # of one in an object store pickles are not even brought here
        raise ValueError(
            f"{folder} has no weights (*.safetensors); copy the checkpoint again, or if its weights are pickled, "
            f"{CONVERT}."
        )
    return found


def _variant(name: str) -> str | None:
    """`fp16` of model.fp16.safetensors and model.fp16-00001-of-00002.safetensors."""
    middle = name.split(".")[1:-1]
    return middle[0].split("-")[0] if middle else None
