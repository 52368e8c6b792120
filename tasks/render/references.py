"""The pictures that rows follow: files that they name (`reference`), and pictures of rows of the same input made before
(`reference_row`)."""

import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image

from models.protocols import Generator
from models.reference import Reference
from tasks.imaging.decode import on_white, open_picture
from tasks.render.anchors import ANCHOR, FILE, MISSING, Anchors, listed, named_rows
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import shard_name
from tasks.runfolder.filesystem import check_regular, filesystem
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.storage_errors import unusable
from tasks.runfolder.tables import read_table

KEPT, TABLES = 16, 8  # pictures and tables that stay in memory
MOST_BYTES = 256 << 20  # of a file
_LOCAL_OR_STORE = ("s3://", "gs://", "az://", "abfs://")


class References:
    """Opens references for the rows of a run, and keeps the last ones: most rows share theirs.

    Args:
        out: the run folder.
        generator: tells how many a row may have, and to how many pixels they are reduced.
        made_by: how files say that the same generator made them, if it wants to know; else None.
        cuts: first rows of shards, to find where an anchor's row is; `digits`: of their names.
    """

    def __init__(
        self,
        out: str,
        generator: Generator,
        made_by: str | None,
        anchors: Anchors | None,
        cuts: np.ndarray,
        digits: int,
    ) -> None:
        self._out, self._made_by = out, made_by
        self._most, self._pixels = generator.references, generator.reference_pixels
        self._anchors, self._cuts, self._digits = anchors, cuts, digits
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, Reference] = OrderedDict()
        self._tables: OrderedDict[str, pa.Table] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        kept = {"_out", "_most", "_pixels", "_made_by", "_anchors", "_cuts", "_digits"}
        return {name: value for name, value in vars(self).items() if name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def of(self, row: int, named: Any, rows_named: Any, folder: str) -> list[Reference]:
        """The references of a row.

        Args:
            named, rows_named: its cells `reference` and `reference_row`.
            folder: where relative paths begin.

        Raises:
            ValueError: one is missing, no picture or cannot be made, or there are too many; a sentence.
            StorageError: storage failed in a way that may pass.
        """
        paths = [_path(one) for one in listed(named)]
        ids = named_rows(rows_named)
        if len(paths) + len(ids) > self._most:
            raise ValueError(
                f"the row has {len(paths) + len(ids)} references, and the generator follows at most {self._most}; "
                "leave some out."
            )
        urls = [_joined(path, folder) for path in paths]
        opened = [self._open(url, f"reference {path!r}") for url, path in zip(urls, paths, strict=True)]
        return opened + self._of_rows(row, ids)

    def _of_rows(self, row: int, ids: Sequence[str]) -> list[Reference]:
        if not ids or self._anchors is None:
            return []
        if not self._anchors.can_be_made(row):
            way = self._anchors.circle(row)
            told = " -> ".join(f"row {one}" for one in way[:8]) + (" -> ..." if len(way) > 8 else "")
            raise ValueError(f"reference_row {ids[0]!r} leads in a circle, or through too many rows: {told}; break it.")
        return [self._of_row(anchor, id) for anchor, id in zip(self._anchors.of(row), ids, strict=True)]

    def _of_row(self, anchor: int, id: str) -> Reference:
        if anchor == MISSING:
            raise ValueError(f"reference_row {id!r}: there is no such id in this input; correct it.")
        shard = shard_name(int(np.searchsorted(self._cuts, anchor, side="right")) - 1, self._digits)
        made = self._table(f"metadata/{shard}.parquet", ["row", "image"])
        images = made.filter(pc.field("row") == anchor)["image"].to_pylist()
        if images:
            return self._open(Storage(self._out).url(images[0]), f"reference_row {id!r}")
        failed = self._table(f"quarantine/{shard}.parquet", ["row", "stage", "error"])
        reasons = failed.filter(pc.field("row") == anchor).to_pylist()
        why = f"failed at {reasons[0]['stage']}: {reasons[0]['error']}" if reasons else "has no picture"
        raise ValueError(f"reference_row {id!r} {why}")

    def _table(self, path: str, columns: list[str]) -> pa.Table:
        with self._lock:
            if path not in self._tables:
                storage = Storage(self._out)
                there = storage.exists(path)
                empty = pa.table({name: pa.array([], pa.int64()) for name in columns})
                self._tables[path] = read_table(storage, path).select(columns) if there else empty
                while len(self._tables) > TABLES:
                    self._tables.popitem(last=False)
            return self._tables[path]

    def _open(self, url: str, what: str) -> Reference:
        with self._lock:
            if url in self._pictures:
                self._pictures.move_to_end(url)
                return self._pictures[url]
        made = self._opened(_read(url, what), what)
        with self._lock:
            self._pictures[url] = made
            while len(self._pictures) > KEPT:
                self._pictures.popitem(last=False)
        return made

    def _opened(self, data: bytes, what: str) -> Reference:
        try:
            with open_picture(data) as image:
                info = {str(name): value for name, value in image.info.items()}
                picture = on_white(image)
        except Exception as error:  # of any type: Pillow's decoders raise many
            raise ValueError(
                f"{what} cannot be read as a picture; give a PNG, JPEG, WebP, TIFF or JPEG XL file."
            ) from error
        shrink = math.sqrt(self._pixels / (picture.width * picture.height))
        if shrink < 1:
            size = max(1, int(picture.width * shrink)), max(1, int(picture.height * shrink))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).contiguous()
        made = Reference(pixels, hashlib.sha256(data).hexdigest())
        if self._made_by is not None and info.get("model") == self._made_by:
            _recall(made, info)
        return made


def reference_columns(columns: Sequence[str]) -> list[str]:
    """Those of the columns that name references."""
    return [name for name in (FILE, ANCHOR) if name in columns]


def check_references(columns: Sequence[str], generator: Generator, layout: str, part: bool, explain: bool) -> None:
    """Raises BadInput for columns of references that cannot be followed."""
    named = reference_columns(columns)
    if named and not generator.references:
        raise BadInput(
            f"column {named[0]!r}: the generator {generator.name} follows no pictures; rename the column, or take "
            "another generator."
        )
    if named and explain:
        raise BadInput(f"--explain: it does not know what comes of a {named[0]!r}; drop it.")
    if ANCHOR in named and layout != "files":
        raise BadInput(f"--layout {layout}: rows with a {ANCHOR} find the others' pictures as files alone.")
    if ANCHOR in named and part:
        raise BadInput(f"--partition: rows with a {ANCHOR} may wait for another part's; use --join.")


def _recall(reference: Reference, info: Mapping[str, Any]) -> None:
    """Sets what a file says of how it was made; a file that says nonsense is a picture like any."""
    try:
        known = {
            "prompt": info["prompt"],
            "seed": int(info["seed"]),
            "references": json.loads(info.get("references", "[]")),
        }
        _fill(reference, known)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        reference.text, reference.follows = None, []


def _fill(reference: Reference, known: Mapping[str, Any]) -> None:
    reference.text, reference.seed = str(known["prompt"]), int(known["seed"])
    for other in known["references"]:
        one = Reference(torch.zeros(3, 0, 0, dtype=torch.uint8), "")
        _fill(one, other)
        reference.follows.append(one)


def provenance(references: Sequence[Reference]) -> str:
    """What a file says of the references that its picture follows; those of unknown origin by their hash."""
    return json.dumps([_known(one) for one in references], ensure_ascii=False)


def _known(reference: Reference) -> dict[str, Any]:
    if reference.text is None:
        return {"sha256": reference.sha256}
    return {
        "prompt": reference.text,
        "seed": reference.seed,
        "references": [_known(one) for one in reference.follows if one.text is not None],
    }


def _path(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the reference is {str(value)[:40]!r}; give a path or URL of a picture.")
    return value.strip()


def _joined(path: str, folder: str) -> str:
    if "://" in path:
        if not path.startswith(_LOCAL_OR_STORE):
            raise ValueError(f"reference {path!r}: give a local path or s3://.")
        return path
    return path if PurePosixPath(path).is_absolute() or not folder else f"{folder}/{path}"


def _read(url: str, what: str) -> bytes:
    """Raises ValueError for a file that is not there or cannot be one, StorageError for a failure that may pass."""
    try:
        fs, place = filesystem(url)
        check_regular(fs, place)
        if fs.size(place) > MOST_BYTES:
            raise ValueError(f"{what} has more than {MOST_BYTES >> 20} MB; give a smaller picture.")
        return bytes(fs.cat_file(place))
    except ValueError:
        raise
    except Exception as error:
        refused = unusable(error, url)
        if refused is None or (isinstance(refused, StorageError) and refused.passing):
            raise refused or error from error
        raise ValueError(f"{what}: {str(refused).removeprefix(f'{url}: ')}") from error
