"""Packs rows of a run as text to embed in the report page."""

import base64
import gzip
import io
import json
from typing import Any

import pyarrow as pa

from tasks.runfolder.commit import matches

CLIP = 1_000  # characters of a listed text; the dialog has up to CLIP_FULL
CLIP_FULL = 10_000
_LISTED_COLUMNS = {"id", "row", "text", "keywords", "image", "preview", "match"}  # and the facet

Columns = dict[str, list[Any]]


class Pack:
    """JSON lines, gzipped, as base64: a third of the size, and the HTML parser never sees prompts."""

    def __init__(self) -> None:
        self._sink = io.BytesIO()
        self._gzip = gzip.GzipFile(fileobj=self._sink, mode="wb", compresslevel=6, mtime=0)

    def add(self, value: Any) -> None:
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
        self._gzip.write(line.encode("utf-8", "replace"))

    def close(self) -> str:
        self._gzip.close()
        return base64.b64encode(self._sink.getbuffer()).decode()


def listed_columns(table: pa.Table, facet_column: str) -> Columns:
    """The columns that the page lists and searches; by the facet it is filtered."""
    ids = table["id"].to_pylist()
    facet = table[facet_column].to_pylist()
    words = table["keywords"].to_pylist() if "keywords" in table.column_names else [None] * len(table)
    told = matches(table)
    shares = [None] * len(table) if told is None else told.to_pylist()
    return {
        "id": ids,
        "row": table["row"].to_pylist(),
        "text": [clip(text, CLIP) for text in table["text"].to_pylist()],
        "language": [value or "" for value in facet],
        "keywords": [clip(" ".join(some or ()), CLIP) for some in words],
        "match": [None if share is None else round(share, 2) for share in shares],
        # Repeating the id in the path would double its cost: NUL, which no path contains, stands for it.
        "image": [
            (path or "").replace(id, "\0") if id else path or ""
            for path, id in zip(table["image"].to_pylist(), ids, strict=True)
        ],
        "aspect": _aspects(table),
    }


def _aspects(table: pa.Table) -> list[float]:
    """Height by width of each picture, 1 where it is not known."""
    if not {"width", "height"} <= set(table.column_names):
        return [1] * len(table)
    sizes = zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True)
    return [round(height / width, 3) if width and height else 1 for width, height in sizes]


def packed_details(table: pa.Table, facet: str) -> str:
    """The columns that are not listed, including carried ones, each value as the text (or words) the dialog shows."""
    columns: Columns = {
        name: [shown(value, table.schema.field(name).type) for value in table[name].to_pylist()]
        for name in table.column_names
        if name not in {*_LISTED_COLUMNS, facet}
    }
    if any(len(text or "") > CLIP for text in table["text"].to_pylist()):
        columns["text"] = [clip(text, CLIP_FULL) for text in table["text"].to_pylist()]
    pack = Pack()
    pack.add(columns)
    return pack.close()


def shown(value: Any, kind: pa.DataType) -> str | list[str] | None:
    """A value as the text, or the list of words, that the dialog shows."""
    if value is None:
        return None
    if isinstance(value, str):
        return clip(value, CLIP_FULL)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [clip(item, CLIP) for item in value[:CLIP]]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if pa.types.is_float32(kind) else repr(value)
    if isinstance(value, list | dict | tuple):  # nested carried columns read best as JSON
        return clip(json.dumps(value, ensure_ascii=False, default=_plain), CLIP_FULL)
    return clip(_plain(value), CLIP_FULL)


def _plain(value: Any) -> str:
    return f"{len(value):,} bytes" if isinstance(value, bytes) else str(value)


def clip(text: str | None, characters: int) -> str:
    """The text, truncated to `characters`."""
    text = text or ""
    return text if len(text) <= characters else text[:characters] + "…"
