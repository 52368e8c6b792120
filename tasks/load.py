"""Load: a model by its reference, from an object store too; what cannot be had is bad input."""

import functools
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TypeVar

from models.cache import made_once
from models.generator import Generator, load_generator
from models.text_encoder import TextEncoder, load_text_encoder
from tasks.errors import BadInput
from tasks.names import file_name
from tasks.storage import StorageError, explain, filesystem

Model = TypeVar("Model")

# What a model folder may hold that is of use. Pickled weights are not even downloaded.
SUFFIXES = {".safetensors", ".json", ".txt", ".model"}


def usable(load: Callable[[], Model]) -> Model:
    """The model that `load` gives.

    Raises:
        BadInput: there is none, or it is damaged or of another kind; the sentence is the model's own.
    """
    try:
        return load()
    except ValueError as error:
        raise BadInput(str(error)) from error


def generator(reference: str, device: str) -> Generator:
    """`models.generator.load_generator`, with object stores.

    Raises:
        BadInput: it cannot be had.
    """
    return usable(lambda: load_generator(resolve(reference), device))


def text_encoder(reference: str, device: str) -> TextEncoder:
    """`models.text_encoder.load_text_encoder`, with object stores.

    Raises:
        BadInput: it cannot be had.
    """
    return usable(lambda: load_text_encoder(resolve(reference), device))


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
