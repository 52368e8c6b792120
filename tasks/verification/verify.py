"""Searches every byte of a run's results, and what can be read from their pixels, for the source's identifiers."""

import base64
import gzip
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from pydicom import dcmread
from pydicom.tag import BaseTag

from tasks.archive.listing import Archive, list_files
from tasks.dicom import pixels
from tasks.dicom.open import open_dicom
from tasks.dicom.residual_identifiers import walk
from tasks.imaging.burned_in import LIKELY, views
from tasks.imaging.raster_codecs import decode_raster, raster_format
from tasks.imaging.refused import Refused
from tasks.imaging.text_detector import read_lines
from tasks.imaging.value_range import Levels
from tasks.runfolder.storage import Storage
from tasks.verification.identifiers import Identifier, element_name, identifiers
from tasks.verification.search import Search

PACKED = re.compile(rb"[A-Za-z0-9+/=]{100,}")
TEXT = {".json", ".html", ".yaml", ".csv", ".txt", ".log"}
NAMED = 1000  # places that are told; all are counted


@dataclass(frozen=True)
class Place:
    """Where an identifier of the source stands: never the identifier itself.

    Attributes:
        file: the result's path, or its number where its very name holds one.
        where: the element, the part of the file, or its pixels.
        element: the source's element that tells it.
        row: the source file's row in the archive; the first of those that tell it.
    """

    file: str
    where: str
    element: str
    row: int


@dataclass
class Verification:
    """What was sought, in what, and where something was found."""

    identifiers: int = 0
    files: int = 0
    bytes: int = 0
    pictures_read: int = 0
    pictures_with_text: int = 0
    indistinct: dict[str, int] = field(default_factory=dict)
    found: int = 0
    places: list[Place] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For a person."""
        none = f"none of {self.identifiers:,} identifiers in {self.files:,} files ({self.bytes:,} bytes)"
        some = f"{self.found:,} places among {self.files:,} files hold one of {self.identifiers:,} identifiers"
        told = [some if self.found else none]
        told += [f"  {place.file}: {place.where} holds {place.element} of row {place.row}" for place in self.places]
        told.append(f"{self.pictures_read:,} pictures read, text in {self.pictures_with_text:,} of them")
        if self.indistinct:
            counts = ", ".join(f"{name} {count:,}" for name, count in sorted(self.indistinct.items()))
            told.append(f"not sought, as they are short or words of the standard: {counts}")
        return told


def read_identifiers(archive: Archive, retained: Collection[BaseTag] = ()) -> dict[Identifier, list[int]]:
    """The identifiers of all files of an archive, those of retained elements apart, with the rows that tell them."""
    found: dict[Identifier, list[int]] = {}
    for shard in archive.list_shards():
        for row, (path, _) in enumerate(shard.files, shard.row):
            try:
                data = archive.storage.read(path)
            except Refused:  # in a packed archive that is encrypted or damaged: its name alone is known
                data = b""
            for identifier in set(identifiers(path, data, retained)):
                found.setdefault(identifier, []).append(row)
    return found


def verify(search: Search, out: Storage, read_pixels: bool = True, dates_moved: bool = False) -> Verification:
    """Searches all files of a run folder.

    Args:
        read_pixels: also read what is written among the pixels of the results.
        dates_moved: the run keeps dates, moved: one that another file tells may be there, its own element's may not.
    """
    sources = _sources(out) if dates_moved else {}
    told = Verification(identifiers=search.count, indistinct=dict(search.indistinct))
    for path, size, _ in list_files(out.root):
        told.files += 1
        told.bytes += size
        data = out.read(path)
        name = f"file {told.files} of the run" if list(search.occur(path.encode())) else path
        hits = [(where, number) for where, view, packed in _views(path, data) for number in search.occur(view, packed)]
        if read_pixels and path.startswith("images/"):
            texts = list(_read(data))
            told.pictures_read += 1
            told.pictures_with_text += bool(texts)
            hits += [("pixels", number) for text in texts for number in search.occur_read(text)]
        if dates_moved:
            row = sources.get(path)
            hits = [
                (where, number)
                for where, number in hits
                if number not in search.dates or (where == search.elements[number] and row in search.rows[number])
            ]
        places = {Place(name, where, search.elements[number], search.rows[number][0]) for where, number in hits}
        told.found += len(places)
        told.places += sorted(places, key=str)[: NAMED - len(told.places)]
    return told


def _sources(out: Storage) -> dict[str, int]:
    """The source's row of each result."""
    found: dict[str, int] = {}
    for path in out.list("metadata"):
        table = pq.read_table(io.BytesIO(out.read(path)), columns=["image", "row"])
        found |= dict(zip(table["image"].to_pylist(), table["row"].to_pylist(), strict=True))
    return found


def _views(path: str, data: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """What a file says: its name, its bytes, and what is packed in them; whether bytes may be compressed pixels."""
    suffix = PurePosixPath(path).suffix
    yield "name", path.encode("utf-8", "surrogateescape"), False
    yield "bytes", PACKED.sub(b"", data) if suffix == ".html" else data, suffix not in TEXT
    if suffix == ".html":
        for packed in PACKED.findall(data):
            unpacked = base64.b64decode(packed + b"=" * (-len(packed) % 4))
            yield "packed data", gzip.decompress(unpacked) if unpacked[:2] == b"\x1f\x8b" else unpacked, False
    elif suffix == ".parquet":
        table = pq.read_table(io.BytesIO(data))
        yield "schema", str(table.schema).encode(), False
        for name in table.column_names:
            yield f"column {name}", "\n".join(map(str, table[name].to_pylist())).encode(), False
    elif suffix == ".gz":
        yield "unpacked", gzip.decompress(data), True
    elif suffix == ".dcm":
        yield from _elements(data)
    elif raster_format(data[:16]):
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            yield "beside the pixels", str({**image.info, "exif": dict(image.getexif())}).encode(), False


def _elements(data: bytes) -> Iterator[tuple[str, bytes, bool]]:
    dataset = dcmread(io.BytesIO(data), force=True)
    for holder in (dataset.file_meta, dataset):
        for _, element in walk(holder):
            if isinstance(element.value, bytes):
                if element.keyword != "PixelData":
                    yield element_name(element.tag), element.value, False
            elif element.VR != "SQ":
                yield element_name(element.tag), str(element.value).encode("utf-8", "surrogatepass"), False


def _read(data: bytes) -> Iterator[str]:
    """What is written among the pixels of a result, line by line, in each of four orientations."""
    format = raster_format(data)
    if format is None:
        dataset = open_dicom(data)
        frames = pixels.decode(dataset)
        pictures = [*zip(frames, pixels.levels(dataset, frames), strict=True)]
    else:
        raster = decode_raster(data, format)
        values = np.iinfo(raster.frames.dtype)
        whole = Levels(int(values.min), int(values.max))
        pictures = [(frame, whole) for frame in (*raster.frames, *(() if raster.alpha is None else raster.alpha))]
    for frame, levels in pictures:
        for view in views(frame, levels):
            for texts in read_lines(view, LIKELY):
                yield from texts
