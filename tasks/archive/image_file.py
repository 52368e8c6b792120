"""One file of an archive on its way: opened as DICOM or as a plain picture, and in the end written as such again."""

import json
from collections import Counter
from hashlib import sha256
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from tasks.archive.file_kinds import kind_of
from tasks.dicom import pixels
from tasks.dicom.codes import coded
from tasks.dicom.derive import derive, to_bytes
from tasks.dicom.open import class_name, is_dicom, is_label, open_dicom, says_text
from tasks.dicom.profile import Outcome, deidentify
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.retain import Retained
from tasks.imaging.raster_codecs import SUFFIX, VOLUMES, Raster, decode_raster, encode_raster, raster_format
from tasks.imaging.refused import Refused
from tasks.imaging.value_range import Levels

QUALITY = 95  # of JPEG
MASKED = "burned-in text painted over"


class ArchiveImage:
    """A file with pixels. A plain class: Prefect would walk through the fields of others.

    Attributes:
        row: its place in the archive.
        source: what the results call it: a pseudonym of its path, or the path where identities are kept.
        name: of the result's file, if it is no DICOM.
        frames: (n, h, w, c) values as they are stored; `made` is what enhancement gives, of the same type.
        levels: what each frame's window shows.
        limits: the least and the greatest value that may be stored.
        padding: values that stand for no picture.
        study, series, instance: UIDs of the source as the results have them; empty for plain pictures.
        outcomes: how often each element was kept, emptied, replaced or removed.
        text: whether there is burned-in text: `none`, `header`, `seen`, `masked`, or `unknown` where nobody looked.
        masked: what was painted over, as left, top, right and bottom in pixels, the last two included.
        about: columns of the metadata.
    """

    def __init__(self, row: int, source: str, data: bytes, name: str = "") -> None:
        self.row = row
        self.source = source
        self.name = name
        self.digest = sha256(data).hexdigest()
        self.dataset: Dataset | None = None
        self.raster: Raster | None = None
        self.levels: list[Levels] = []
        self.padding: tuple[int, int] | None = None
        self.study = self.series = self.instance = ""
        self.text = "unknown"
        self.outcomes: Counter[Outcome] = Counter()
        self.masked: list[tuple[int, int, int, int]] = []
        if not data:
            raise Refused("empty: the file has no bytes")
        if is_dicom(data[:132]):
            self._open_dicom(data)
        else:
            self._open_raster(data)
        self.made = self.frames

    @classmethod
    def of_header(cls, row: int, source: str, digest: str, dataset: Dataset) -> "ArchiveImage":
        """One whose pixels are elsewhere: here a single one stands for them."""
        scan = cls.__new__(cls)
        scan.row, scan.source, scan.digest, scan.dataset, scan.raster = row, source, digest, dataset, None
        scan.study = scan.series = scan.instance = ""
        scan.text = "unknown"
        scan.outcomes = Counter()
        scan.masked = []
        dataset.Rows = dataset.Columns = 1
        dataset.PixelData = b""
        kind = f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
        scan.frames = scan.made = np.zeros((1, 1, 1, 1), kind)
        scan._describe(dataset)
        return scan

    def _open_dicom(self, data: bytes) -> None:
        dataset = self.dataset = open_dicom(data)
        try:
            self.frames = pixels.decode(dataset)
        except Exception as error:
            study = str(dataset.StudyInstanceUID)
            raise Refused(f"its pixels cannot be decoded ({type(error).__name__})", study=study) from None
        self._describe(dataset)

    def _describe(self, dataset: Dataset) -> None:
        self.levels = pixels.levels(dataset, self.frames)
        self.limits = pixels.limits(dataset, self.frames)
        self.padding = pixels.padding(dataset, self.frames)
        self.about: dict[str, Any] = {
            "kind": "dicom",
            "modality": "",
            "object": class_name(UID(dataset.SOPClassUID)),
            "photometric": str(dataset.PhotometricInterpretation),
            "bits": int(dataset.BitsStored),
            "transfer_syntax": UID(dataset.file_meta.TransferSyntaxUID).name,
            "window": pixels.window(dataset) if self.frames.shape[3] == 1 else None,
        }

    def _open_raster(self, data: bytes) -> None:
        format = raster_format(data)
        if format is None:
            raise Refused(kind_of(data), stage="skip")
        self.raster = decode_raster(data, format)
        self.frames = self.raster.frames
        values = np.iinfo(self.frames.dtype)
        self.limits = (int(values.min), int(values.max))
        ends = (self.frames.min(), max(self.frames.max(), self.frames.min() + 1)) if format in VOLUMES else self.limits
        self.levels = [Levels(float(ends[0]), float(ends[1]))] * len(self.frames)
        photometric = "RGB" if self.frames.shape[3] == 3 else "MONOCHROME2"
        bits = self.frames.itemsize * 8
        self.about = {"kind": format, "modality": "", "object": "", "photometric": photometric, "bits": bits}

    def identify(self, names: Pseudonyms, keep_identity: bool, retain: list[Retained] | None = None) -> None:
        """Takes the identity out of the data set, unless it is to be kept; `retain` names what stays of it."""
        if not keep_identity:
            if self.dataset is not None:
                self.outcomes = deidentify(self.dataset, names, retain)
            else:
                self.outcomes = Counter({("all beside the pixels", "removed"): 1})
        if self.dataset is None:
            return
        self.about["modality"] = str(self.dataset.get("Modality") or "")[:16]  # by now a term of the standard
        uids = (str(self.dataset.get(f"{level}InstanceUID") or "") for level in ("Study", "Series", "SOP"))
        self.study, self.series, self.instance = uids

    @property
    def says_text(self) -> bool:
        """Whether the header says that there is burned-in text, or that it is the picture of a slide's label."""
        return self.dataset is not None and says_text(self.dataset)

    @property
    def can_be_masked(self) -> bool:
        """Whether text among its pixels may be painted over: a label is text as a whole, and alpha is not painted."""
        return not self.alpha and (self.dataset is None or not is_label(self.dataset))

    @property
    def alpha(self) -> list[tuple[np.ndarray, Levels]]:
        """Its transparency as pictures of their own, which may say something that the colours do not."""
        if self.raster is None or self.raster.alpha is None:
            return []
        return [(plane, Levels(*self.limits)) for plane in self.raster.alpha]

    def encode(self, chain: str, names: Pseudonyms) -> tuple[str, bytes]:
        """The name (without a folder) and the bytes of the result."""
        if self.raster is not None:
            suffix = f".{SUFFIX[self.raster.format]}"
            return self.name.removesuffix(suffix) + suffix, encode_raster(self.raster, self.made, QUALITY)
        assert self.dataset is not None
        if self.text != "unknown":  # where nobody looked, what the source says of itself stays
            clean = self.text in {"none", "masked"}
            self.dataset.BurnedInAnnotation = "NO" if clean else "YES"
            if clean and "DeidentificationMethodCodeSequence" in self.dataset:
                self.dataset.DeidentificationMethodCodeSequence.append(coded(codes.cid7050.CleanPixelDataOption))
        if self.masked:
            chain = f"{chain}, {MASKED}".removeprefix(", ")
        derived = derive(self.dataset, self.made, chain, self.digest, names)
        return f"{derived.SOPInstanceUID}.dcm", to_bytes(derived)

    def columns(self) -> dict[str, Any]:
        """What the metadata says of it."""
        count, height, width = self.made.shape[:3]
        window = self.about.get("window")
        parts = [
            self.about["modality"] or self.about["kind"].upper(),
            f"{width} x {height}",
            f"{self.about['bits']} bits",
        ]
        parts += [f"{count} frames"] * (count > 1) + [f"window {window}"] * (window is not None)
        return {
            "row": self.row,
            "text": ", ".join(parts),
            "source": self.source,
            "study": self.study,
            "series": self.series,
            "instance": self.instance,
            **self.about,
            "width": width,
            "height": height,
            "frames": count,
            "burned_in_text": self.text,
            "masked": json.dumps(self.masked) if self.masked else None,
            "elements": json.dumps([[*of, count] for of, count in sorted(self.outcomes.items())]),
        }
