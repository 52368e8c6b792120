"""The identifiers of a source file: what it tells of a person, by the name of the element that tells it.

Names, dates, ids and UIDs are taken apart into the ways in which they are written; texts that the profile does not keep
are taken whole, as a result could hold them only as they were.
"""

import io
import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from PIL import Image
from pydicom import DataElement, Dataset, dcmread
from pydicom.tag import BaseTag

from tasks.dicom import allowed
from tasks.dicom.actions import ACTIONS
from tasks.dicom.open import is_dicom, silence_pydicom
from tasks.dicom.pseudonyms import is_standard
from tasks.dicom.residual_identifiers import IDS, TEXTS, date_forms, name_forms, walk
from tasks.imaging.raster_codecs import READERS, raster_format

LONG = 8  # characters from which a text is told from others as a whole
PRINTABLE = re.compile(rb"[^\x00-\x08\x0e-\x1f\x7f]*\Z")


class Identifier(NamedTuple):
    """One way in which one value may be written.

    Attributes:
        element: the name of the element that tells it; never its value.
        whole: a text, which counts only as a whole and as it is written.
        is_date: a date, which may be another's, moved, where a run keeps dates so.
    """

    element: str
    text: str
    whole: bool = False
    is_date: bool = False


def identifiers(path: str, data: bytes, retained: Collection[BaseTag] = ()) -> Iterator[Identifier]:
    """Those of a file, and of its path within the archive; of what cannot be read, the path's alone.

    Args:
        retained: elements that the results keep, so that their values are no identifiers.
    """
    for part in PurePosixPath(path).with_suffix("").parts:
        if len(part) >= LONG:
            yield Identifier("file name", part)
    try:
        if is_dicom(data[:132]):
            yield from _of_dicom(data, retained)
        else:
            yield from _of_raster(data)
    except Exception:  # a damaged file's
        return


def _of_dicom(data: bytes, retained: Collection[BaseTag]) -> Iterator[Identifier]:
    """Those of a DICOM file, its file meta information included."""
    silence_pydicom()
    dataset = dcmread(io.BytesIO(data), force=True)
    for holder in (getattr(dataset, "file_meta", Dataset()), dataset):
        for _, element in walk(holder):
            if element.tag not in retained:
                yield from _of_element(element)


def _of_element(element: DataElement) -> Iterator[Identifier]:
    name = element_name(element.tag)
    for value in _values(element):
        if element.VR == "PN":
            yield from (Identifier(name, form) for form in {value, *name_forms(value)})
        elif element.VR in {"DA", "DT"} and re.match(r"\d{8}", value):
            year, month, day = int(value[:4]), int(value[4:6]), int(value[6:8])
            yield from (Identifier(name, form, is_date=True) for form in date_forms(year, month, day))
        elif element.VR == "UI":
            if not is_standard(value):
                yield Identifier(name, value)
        elif element.tag in IDS:
            yield Identifier(name, value)
        elif len(value) >= LONG and not _stays(element.tag):
            yield Identifier(name, value, whole=True)


def _stays(tag: BaseTag) -> bool:
    """Whether the profile looks at what an element says, and may keep it."""
    return tag not in ACTIONS and allowed.is_known(tag)


def element_name(tag: BaseTag) -> str:
    """The keyword of an element; private and unknown ones have none, and their creator could say anything."""
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or f"{'private' if tag.is_private else 'unknown'} ({tag.group:04X},{tag.element:04X})"


def _values(element: DataElement) -> list[str]:
    value = element.value
    if element.VR in {"UN", "OB"} and isinstance(value, bytes) and PRINTABLE.match(value.rstrip(b"\0")):
        return [value.rstrip(b"\0 ").decode("utf-8", "replace").strip()]
    if element.VR not in TEXTS | {"PN", "UI", "DA", "DT"} or value is None:
        return []
    parts = [value] if isinstance(value, str) or element.VM <= 1 else value
    return [text for text in (str(part).strip() for part in parts) if text]


def _of_raster(data: bytes) -> Iterator[Identifier]:
    """Texts beside the pixels of a picture file."""
    format = raster_format(data[:16])
    if format not in READERS and format != "tiff":
        return
    with READERS[format](io.BytesIO(data)) if format in READERS else Image.open(io.BytesIO(data)) as image:
        image.load()
        found = [*image.info.items(), *(("EXIF", value) for value in image.getexif().values())]
    for key, value in found:
        if isinstance(value, str) and len(value) >= LONG:
            yield Identifier("EXIF" if key == "EXIF" else f"text of a {format.upper()}", value, whole=True)
