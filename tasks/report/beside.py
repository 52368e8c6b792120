"""Another run whose pictures the page shows beside a run's own: the parents of adjusted pictures, or a run to compare.

A picture's partner is its parent where it names one, else the picture of the same id, else that of the same text and
the same place among the pictures of that text.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from tasks.report.columns import ColumnPacker, PackedColumn
from tasks.report.pack import Pack
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table

_KEYS = ("id", "parent", "text", "image", "preview")
_FIGURES = ("brightness", "contrast", "sharpness", "reward", "psnr", "seed", "guidance", "steps", "bytes")


@dataclass(frozen=True)
class Beside:
    """The partners of a run's pictures.

    Attributes:
        images: path of each picture's partner in the other run, "" where there is none.
        packed: name of the other run, where it lies relative to the page, and `images`.
        changes: of each figure that both have, the picture's less its partner's.
    """

    images: list[str]
    packed: str
    changes: list[PackedColumn]


def read_beside(run: Storage, other: Storage, most: int) -> Beside:
    """Finds the partners of the first `most` pictures. Raises BadInput if `other` is no run."""
    if read_record(other) is None:
        raise BadInput(f"{other.url()}: there is no run here to compare with (no run.json); check the path.")
    own, others = _rows(run, most), _rows(other, most)
    partners = _partners(own, others)
    images = [str(row.get("preview") or row.get("image") or "") if row else "" for row in partners]
    pack = Pack()
    pack.add({"name": PurePosixPath(other.url()).name, "folder": _folder(run, other), "images": images})
    return Beside(images, pack.close(), _changes(own, partners))


def _rows(run: Storage, most: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted(path for path in run.list("metadata") if path.endswith(".parquet")):
        table = read_table(run, path)
        names = [name for name in (*_KEYS, *_FIGURES) if name in table.column_names]
        rows += table.select(names).slice(0, most - len(rows)).to_pylist()
        if len(rows) >= most:
            break
    return rows


def _partners(own: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    by_id = {row["id"]: row for row in others}
    for name in ("parent", "id"):
        found = [by_id.get(row.get(name)) for row in own]
        if any(found):
            return found
    by_text: defaultdict[str, Iterator[dict[str, Any]]]
    same: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in others:
        same[str(row.get("text"))].append(row)
    by_text = defaultdict(lambda: iter(()), {text: iter(rows) for text, rows in same.items()})
    return [next(by_text[str(row.get("text"))], None) for row in own]


def _changes(own: list[dict[str, Any]], partners: list[dict[str, Any] | None]) -> list[PackedColumn]:
    packer = ColumnPacker()
    for name in _FIGURES:
        pairs = [(row.get(name), (partner or {}).get(name)) for row, partner in zip(own, partners, strict=True)]
        values = [None if one is None or other is None else float(one - other) for one, other in pairs]
        if any(values):
            packer.add(0, pa.table({f"change of {name}": pa.array(values, pa.float64())}))
    return packer.finish()[0]


def _folder(run: Storage, other: Storage) -> str | None:
    """The way from the page's folder to the other run; None where no link leads there."""
    here, there = f"{run.url()}/report", other.url()
    scheme, mark, place = there.partition("://")
    if not mark:
        return None if "://" in here else os.path.relpath(there, here)
    same = here.startswith(f"{scheme}://{place.partition('/')[0]}/")
    return os.path.relpath(f"/{place}", f"/{here.partition('://')[2]}") if same else None
