"""JPEG of 12 bits, for which pydicom knows one decoder alone, which is under the GPL: here libjpeg-turbo does it.

A plugin as pydicom asks for it (https://pydicom.github.io/pydicom/stable/guides/decoding/decoder_plugins.html).
"""

import threading

import imagecodecs
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGExtended12Bit

_lock = threading.Lock()
DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("imagecodecs",)}


def is_available(uid: str) -> bool:
    return uid == JPEGExtended12Bit


def decode(frame: bytes, runner: DecodeRunner) -> bytes:
    """One frame's values, in the 16 bits that the data set gives them."""
    return imagecodecs.jpeg_decode(frame).tobytes()


def register() -> None:
    """Makes pydicom try this one after its own; called before each decoding, as importing this module does not."""
    decoder = get_decoder(JPEGExtended12Bit)
    with _lock:
        if "imagecodecs" not in decoder.available_plugins:
            decoder.add_plugin("imagecodecs", (__name__, "decode"))
