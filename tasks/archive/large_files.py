"""Processes a picture too large for memory in strips, from the archive to the run folder.

Works for uncompressed grey DICOM with one frame, and for chains of steps with a finite reach. Strips overlap by that
reach, so the result is identical, to the byte, to processing the whole picture.
"""

import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Any

import numpy as np
from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from models.filters import GRID
from tasks.dicom import pixels
from tasks.dicom.open import NEEDED, is_dicom, is_picture, silence_pydicom
from tasks.imaging.burned_in import Rule, has_text
from tasks.imaging.previews import EDGE
from tasks.imaging.refused import Refused
from tasks.imaging.text_detector import OVERLAP
from tasks.imaging.value_range import Levels, apply_in_window

LARGE = 1 << 28  # bytes: larger files are processed in strips
STRIP = 1 << 21  # pixels
CHUNK = 1 << 22  # bytes
GREY = {"MONOCHROME1", "MONOCHROME2"}
ALONE = f"more than {LARGE >> 20} MB, and no uncompressed grey DICOM, which alone goes by strips"


class LargeImage:
    """The header of such a file, with its pixels read on demand.

    Attributes:
        before, after: every so many-th pixel of what has gone through, for the preview.
        text: as in `ArchiveImage`.
    """

    def __init__(self, file: IO[bytes], reach: int | None) -> None:
        if reach is None:
            raise Refused("too large for a chain with a step that needs the whole picture at once", stage="enhance")
        digest = sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        self.digest = digest.hexdigest()
        file.seek(0)
        if not is_dicom(file.read(132)):  # read as if it were, it could be read into memory as one element
            raise Refused(ALONE)
        file.seek(0)
        self.file = file
        self.reach = reach
        silence_pydicom()
        self.dataset = dataset = dcmread(file, stop_before_pixels=True, force=True)
        syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
        missing = [name for name in NEEDED if dataset.get(name) in (None, "")]
        plain = syntax in {ImplicitVRLittleEndian, ExplicitVRLittleEndian} and not missing
        if not plain or dataset.SamplesPerPixel != 1 or dataset.BitsAllocated not in {8, 16}:
            raise Refused(ALONE)
        if not is_picture(UID(dataset.SOPClassUID)):
            raise Refused("its values are labels or measures, not pictures", stage="skip")
        if int(dataset.get("NumberOfFrames") or 1) != 1 or dataset.PhotometricInterpretation not in GREY:
            raise Refused(f"more than {LARGE >> 20} MB, and not one grey frame, which alone goes by strips")
        self.rows, self.columns = int(dataset.Rows), int(dataset.Columns)
        self.kind = np.dtype(f"<{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}")
        explicit = syntax == ExplicitVRLittleEndian
        head = file.read(12 if explicit else 8)
        (length,) = struct.unpack("<I", head[-4:])
        self.start = file.tell()
        self.size = self.rows * self.columns * self.kind.itemsize
        if length < self.size:
            raise Refused(f"truncated: {length:,} of {self.size:,} bytes of pixels are there")
        like = np.zeros((1, 1, 1, 1), self.kind)
        self.level: Levels = pixels.levels(dataset, like)[0]
        self.limits, self.padding = pixels.limits(dataset, like), pixels.padding(dataset, like)
        self.every = -(-max(self.rows, self.columns) // EDGE)
        self.before: list[np.ndarray] = []
        self.after: list[np.ndarray] = []
        self.text = "unknown"

    def strips(self, enhance: Any, rule: Rule) -> Iterator[bytes]:
        """The result's pixels.

        Raises:
            Refused: there is burned-in text, or the file is cut short.
        """
        above = self.reach if rule == "header" else max(self.reach, OVERLAP)
        height = max(16, STRIP // self.columns)
        for top in range(0, self.rows, height):
            first, last = max(0, top - above) // GRID * GRID, min(self.rows, top + height + self.reach)
            values = self._values(first, last)
            if rule != "header" and self.text not in {"seen", "header"}:
                self.text = "seen" if has_text(values, self.level) else "none"
                if self.text == "seen" and rule != "keep":
                    raise Refused("burned-in text (letters or a code were seen among its pixels)", stage="look")
            enhanced = apply_in_window(enhance, values, self.level, self.limits, self.padding)
            inner = slice(top - first, min(top + height, self.rows) - first)
            picked = slice(top - first + -top % self.every, inner.stop, self.every)
            self.before.append(values[picked, :: self.every].copy())  # not a view: it would hold the strip
            self.after.append(enhanced[picked, :: self.every].copy())
            yield enhanced[inner].tobytes()
        if self.size % 2:
            yield b"\0"

    def _values(self, first: int, last: int) -> np.ndarray:
        width = self.columns * self.kind.itemsize
        self.file.seek(self.start + first * width)
        data = self.file.read((last - first) * width)
        if len(data) < (last - first) * width:
            raise Refused("truncated: its pixels end before its header says")
        values = np.frombuffer(data, self.kind).reshape(last - first, self.columns, 1)
        bits = int(self.dataset.BitsStored)
        return pixels.stored_bits(values, bits, max(0, int(self.dataset.get("HighBit") or 0) + 1 - bits))

    def head(self, file: bytes) -> bytes:
        """What stands before the pixels, taken from a file whose own pixel data is a stand-in of two bytes."""
        kind = b"OW" if self.kind.itemsize == 2 else b"OB"
        length = self.size + self.size % 2
        return file[: -(12 + 2)] + struct.pack("<HH2sHI", 0x7FE0, 0x0010, kind, 0, length)
