"""The files that enhancement steps refer to, local or in an object store: read once a process."""

import functools
from hashlib import sha256

from models import checkpoint
from models.filters import Loaded, Reference, denoiser
from models.filters.numbers import luma_of
from tasks.imaging.decode import decoded
from tasks.loading.models import resolve, usable
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import explain, filesystem


@functools.lru_cache(maxsize=32)
def load(reference: Reference) -> Loaded:
    """What the step's function gets.

    Raises BadInput if the file is not there, may not be read or is no picture, or the checkpoint is no denoiser.
    """
    if reference.kind == "checkpoint":
        folder = resolve(reference.path)
        usable(lambda: denoiser.load(folder))
        return Loaded(reference.path, folder)
    pixels = decoded(_bytes(reference.path))
    if pixels is None:
        raise BadInput(f"{reference.path} is no picture that can be read: give a PNG, TIFF, JPEG or WebP file.")
    if reference.kind == "mask":
        return Loaded(reference.path, luma_of(pixels) > 0.5)
    return Loaded(reference.path, pixels.repeat(3, 2) if pixels.shape[2] == 1 else pixels, reference.strength)


def fingerprint(reference: Reference) -> str:
    """sha256, hex, of what the reference stands for now: a run is of one such. Raises BadInput as `load` does."""
    if reference.kind == "checkpoint":
        return checkpoint.digest(denoiser.find(resolve(reference.path)))
    return sha256(_bytes(reference.path)).hexdigest()


def _bytes(path: str) -> bytes:
    fs, place = filesystem(path)
    try:
        return bytes(fs.cat_file(place))
    except Exception as error:
        explained = explain(error, path)
        if explained is None:
            raise
        if explained.passing:
            raise explained from error
        raise BadInput(str(explained)) from error
