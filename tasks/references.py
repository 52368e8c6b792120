"""The files that enhancement steps refer to, local or in an object store: read once a process."""

import functools
from hashlib import sha256
from pathlib import Path

import numpy as np

from models.checkpoint import digest
from models.filters import Loaded, Reference
from tasks.errors import BadInput
from tasks.load import resolve
from tasks.storage import explain, filesystem


@functools.lru_cache(maxsize=32)
def load(reference: Reference) -> Loaded:
    """What the step's function gets.

    Raises BadInput if the file is not there, may not be read or is no picture.
    """
    if reference.kind == "checkpoint":
        return Loaded(reference.path, resolve(reference.path))
    pixels = _decoded(reference, _bytes(reference.path))
    content = pixels > 0.5 if reference.kind == "mask" else pixels
    return Loaded(reference.path, content, reference.strength)


def fingerprint(reference: Reference) -> str:
    """sha256, hex, of what the reference stands for now: a run is of one such. Raises BadInput as `load` does."""
    if reference.kind == "checkpoint":
        try:
            return digest(Path(resolve(reference.path)))
        except OSError as error:
            raise BadInput(f"{reference.path} is no checkpoint: it lacks {Path(error.filename).name}.") from None
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


def _decoded(reference: Reference, data: bytes) -> np.ndarray:
    """(h, w, 3) float32, or (h, w) for a mask, in [0, 1]; 16-bit files keep their 16 bits."""
    import cv2  # Pillow reads no colour of 16 bits

    form = cv2.IMREAD_GRAYSCALE if reference.kind == "mask" else cv2.IMREAD_COLOR_RGB
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), form | cv2.IMREAD_ANYDEPTH) if data else None
    except cv2.error:
        pixels = None
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise BadInput(f"{reference.path} is no picture that can be read: give a PNG, TIFF, JPEG or WebP file.")
    most = 255 if pixels.dtype == np.uint8 else 65535
    return np.asarray(pixels, np.float32) / np.float32(most)
