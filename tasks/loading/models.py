"""Loads models by reference, also from an object store; a model that cannot be loaded is bad input."""

import functools
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TypeVar

import torch
from fsspec.implementations.dirfs import DirFileSystem

from models.cache import made_once
from models.diffusers.editor import DiffusersEditor, open_editor
from models.diffusers.hub import INDEX
from models.diffusers.options import PLAIN, Acceleration
from models.generators import registry
from models.protocols import Generator, TextEncoder
from models.text.text_encoder import load_text_encoder
from tasks.loading.promoted import current
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import file_name
from tasks.runfolder.filesystem import filesystem
from tasks.runfolder.storage import StorageError
from tasks.runfolder.storage_errors import unusable

Model = TypeVar("Model")

# The only files of a model folder that are used. Pickled weights are not even downloaded.
SUFFIXES = {".safetensors", ".json", ".txt", ".model", ".jinja"}

_loading = threading.RLock()  # shards of a lane want the same model at once, and libraries are imported with it


def usable(load: Callable[[], Model]) -> Model:
    """The model that `load` returns; one is loaded at a time.

    Raises:
        BadInput: `load` raised a ValueError: there is no model, or it is damaged or of another kind.
    """
    try:
        with _loading:
            return load()
    except ValueError as error:
        raise BadInput(str(error)) from error


def load_generator(reference: str, device: str, options: Acceleration = PLAIN, panorama: bool = False) -> Generator:
    """A generator, loaded once per process; `options` apply to diffusers checkpoints, `panorama` asks for panoramas.

    Raises:
        BadInput: it cannot be loaded, or not with these options.
    """
    return usable(lambda: registry.load_generator(resolve(reference), device, options, panorama))


@functools.cache
def load_editor(reference: str, device: str) -> DiffusersEditor:
    """A checkpoint that edits pictures, loaded once per process. Raises BadInput if it cannot be, or edits none."""
    return usable(lambda: open_editor(resolve(reference), device))


def load_encoder(generator: Generator, device: str, reference: str | None = None) -> TextEncoder | None:
    """The text encoder of a generator, loaded once per process; None if the generator reads no text.

    Args:
        reference: a text encoder to use instead of the generator's default.

    Raises:
        BadInput: it cannot be loaded.
    """
    if generator.own_encoder is not None:
        return generator.own_encoder
    encoder = reference or generator.encoder
    if encoder is None or generator.encoder is None:
        return None
    return usable(lambda: load_text_encoder(resolve(encoder), device))


def ready(model: Generator | TextEncoder) -> None:
    """Moves a model's networks to its device, unless they are there already.

    Raises:
        BadInput: they cannot be loaded.
        MemoryError: they do not fit.
    """
    try:
        usable(model.ready)
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"{model.name} does not fit into the device's memory; try --phase split, --dtype bfloat16 or --offload."
        ) from error


@functools.cache
def resolve(reference: str) -> str:
    """A reference that `models` can load: a folder in an object store is downloaded to the cache, others are kept, and
    a folder that points to a model (tasks/loading/promoted.py) stands for it.

    A folder that has changed in the store is downloaded again; within a process a reference keeps its meaning.

    Raises:
        BadInput: the folder is missing, unreadable or holds no model, or the cache cannot be written.
        StorageError: the store failed in a way that may pass.
    """
    if "://" not in reference:
        promoted = current(Path(reference).expanduser())
        return reference if promoted is None else resolve(promoted.model)
    try:
        return str(_download(reference.rstrip("/")))
    except BadInput:
        raise
    except ValueError as error:  # the cache's
        raise BadInput(str(error)) from error
    except Exception as error:
        refused = unusable(error, reference)
        if refused is None:
            raise
        raise refused from error


def _download(url: str) -> Path:
    fs, base = filesystem(url)
    root = DirFileSystem(path=base, fs=fs)
    entries = {PurePosixPath(item["name"]): item for item in root.ls("", detail=True) if item["type"] == "file"}
    names = {path.name for path in entries}
    if INDEX in names:  # a diffusers checkpoint, which has a folder for each component
        entries = {PurePosixPath(name): item for name, item in root.find("", maxdepth=2, detail=True).items()}
    elif "config.json" not in names:
        raise BadInput(f"{url} holds no model: it has no config.json or {INDEX}; give the folder that has one.")
    files = {"/".join(map(file_name, path.parts)): item for path, item in entries.items() if path.suffix in SUFFIXES}
    # The store's ETag or modification time, so that a changed file is downloaded again.
    state = [
        (name, item["size"], str(item.get("ETag", root.ukey(item["name"])))) for name, item in sorted(files.items())
    ]
    folder_name = file_name(PurePosixPath(base).name)

    def fetch(folder: Path) -> None:
        for name, item in files.items():
            target = folder / folder_name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            root.get_file(item["name"], str(target))
            if target.stat().st_size != item["size"]:
                raise StorageError(
                    f"{url}/{item['name']}: it came cut short; run the same command again.", passing=True
                )

    return made_once(f"model-{sha256(repr((url, state)).encode()).hexdigest()[:24]}", fetch) / folder_name
