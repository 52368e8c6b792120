"""The files that enhancement steps refer to, local or in an object store; each is read once per process."""

import functools
from hashlib import sha256

from models import checkpoint
from models.filters import Loaded, Reference, denoiser
from models.filters.numbers import luma_of
from tasks.imaging.decode import decoded
from tasks.loading.models import resolve, usable
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import check_regular, filesystem
from tasks.runfolder.storage_errors import unusable


@functools.lru_cache(maxsize=32)
def load(reference: Reference) -> Loaded:
    """The file as the step's function takes it: an image (h, w, 3) float in [0, 1], a mask (h, w) bool or a checkpoint.

    Raises BadInput if the file is missing, unreadable or not an image, or the checkpoint is not a denoiser.
    """
    if reference.kind == "checkpoint":
        folder = resolve(reference.path)
        usable(lambda: denoiser.load(folder))
        return Loaded(reference.path, folder)
    pixels = decoded(_bytes(reference.path))
    if pixels is None:
        raise BadInput(f"{reference.path} cannot be read as a picture: give a PNG, TIFF, JPEG, WebP or JPEG XL file.")
    if reference.kind == "mask":
        return Loaded(reference.path, luma_of(pixels) > 0.5)
    return Loaded(reference.path, pixels.repeat(3, 2) if pixels.shape[2] == 1 else pixels, reference.strength)


def fingerprint(reference: Reference) -> str:
    """sha256 (hex) of the file or checkpoint, recorded with the run. Raises BadInput as `load` does."""
    if reference.kind == "checkpoint":
        return checkpoint.digest(denoiser.find(resolve(reference.path)))
    return sha256(_bytes(reference.path)).hexdigest()


def _bytes(path: str) -> bytes:
    fs, place = filesystem(path)
    try:
        check_regular(fs, place)
        return bytes(fs.cat_file(place))
    except Exception as error:
        refused = unusable(error, path)
        if refused is None:
            raise
        raise refused from error
