"""Encode: texts to a language model's features."""

import functools
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from torch import Tensor

from models.cache import made_once
from models.text_encoder import TextEncoder
from tasks.batching import halving
from tasks.errors import BadInput
from tasks.isolate import isolate
from tasks.names import file_name
from tasks.storage import StorageError, explain, filesystem
from tasks.work import Prompt, Work

# What a model folder may hold that is of use. Pickled weights are not even downloaded.
SUFFIXES = {".safetensors", ".json", ".txt", ".model"}


def encode(work: Work, encoder: TextEncoder) -> None:
    """Sets the features of every prompt of the shard; a prompt that cannot be encoded is taken out of it."""

    def run(prompts: Sequence[Prompt]) -> None:
        texts = [prompt.prepared.encoder_text for prompt in prompts if prompt.prepared is not None]
        for prompt, features in zip(prompts, features_of(texts, encoder), strict=True):
            prompt.features = features

    work.fail("encode", dict(isolate(run, work.prompts)))


def features_of(texts: Sequence[str], encoder: TextEncoder) -> list[Tensor]:
    """One (tokens, width) float32 a text; where the device's memory ends, the encoder goes on in smaller chunks.

    Raises:
        MemoryError: not even one text fits.
    """
    return halving(lambda: encoder.encode(texts), encoder.limit)


@functools.cache
def resolve(reference: str) -> str:
    """What `models` can load: a model folder in an object store is brought into the cache, all else stays as it is.

    A folder that has changed in the store is brought anew; within a process a reference keeps its meaning.

    Raises:
        BadInput: the folder is not there, holds no model, or may not be read; or the cache cannot be written.
    """
    if "://" not in reference:
        return reference
    try:
        return str(_download(reference.rstrip("/")))
    except BadInput:
        raise
    except StorageError as error:
        raise BadInput(str(error)) from error
    except ValueError as error:  # the cache's
        raise BadInput(str(error)) from error
    except Exception as error:
        explained = explain(error, reference)
        if explained is None:
            raise
        raise BadInput(str(explained)) from error


def _download(url: str) -> Path:
    fs, base = filesystem(url)
    files = {
        PurePosixPath(item["name"]).name: item
        for item in fs.ls(base, detail=True)
        if item["type"] == "file" and PurePosixPath(item["name"]).suffix in SUFFIXES
    }
    if "config.json" not in files:
        raise BadInput(f"{url} holds no model: it has no config.json; give the folder that has one.")
    # A store's own mark of a file's content (or its time), so that what we have is what is there.
    state = [(name, item["size"], str(item.get("ETag", fs.ukey(item["name"])))) for name, item in sorted(files.items())]
    folder_name = file_name(PurePosixPath(base).name)

    def fetch(folder: Path) -> None:
        (folder / folder_name).mkdir()
        for name, item in files.items():
            fs.get_file(item["name"], str(folder / folder_name / file_name(name)))

    return made_once(f"model-{sha256(repr((url, state)).encode()).hexdigest()[:24]}", fetch) / folder_name
