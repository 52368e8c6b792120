"""Writes the captioned data set: single concepts on a clean ground, and composed scenes (tasks/datasets/emoji/rows.py).

`concepts.parquet` holds one row a concept: its sprite and names. `pictures-0000N.parquet` hold the captioned pictures
with what each shows, where it stands, whether the caption says the place and the sky, licence, source and split.
"""

import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from tasks.datasets.emoji.concepts import Concept
from tasks.datasets.emoji.rows import Row
from tasks.datasets.emoji.scenes import Painter

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_OBJECT = pa.struct(
    [
        ("concept", pa.string()),
        ("slot", pa.int32()),
        ("x", pa.float32()),
        ("foot", pa.float32()),
        ("size", pa.float32()),
        ("colour", pa.string()),
    ]
)
CONCEPTS = pa.schema(
    {
        **dict.fromkeys(("id", "en", "zh", "kind"), pa.string()),
        "image": _IMAGE,
        **dict.fromkeys(("licence", "source"), pa.string()),
    }
)
PICTURES = pa.schema(
    {
        "id": pa.string(),
        "image": _IMAGE,
        **dict.fromkeys(("caption", "language", "kind", "place", "sky"), pa.string()),
        "says": pa.list_(pa.string()),
        "concepts": pa.list_(pa.string()),
        "objects": pa.list_(_OBJECT),
        **dict.fromkeys(("licence", "source", "split"), pa.string()),
    }
)
_ROWS_A_FILE = 4096


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=92, method=2, exact=True)
    return buffer.getvalue()


def _record(row: Row, image: bytes) -> dict[str, Any]:
    sources = dict.fromkeys(c.source for c in row.asked)
    return {
        "id": row.id,
        "image": {"bytes": image, "path": f"{row.id}.webp"},
        "caption": row.caption,
        "language": row.language,
        "kind": row.kind,
        "place": row.place,
        "sky": row.sky,
        "says": list(row.says),
        "concepts": [c.id for c in row.asked],
        "objects": [asdict(p) for p in row.placed],
        "licence": "MIT",
        "source": "; ".join([*sources, "backdrop drawn by imagemill"]),
        "split": row.split,
    }


def write_concepts(folder: Path, concepts: list[Concept]) -> None:
    """Writes `concepts.parquet`."""
    records = [
        {
            "id": c.id,
            "en": c.en,
            "zh": c.zh,
            "kind": c.kind,
            "image": {"bytes": _encoded(c.sprite), "path": f"{c.id}.webp"},
            "licence": c.licence,
            "source": c.source,
        }
        for c in concepts
    ]
    pq.write_table(pa.Table.from_pylist(records, CONCEPTS), folder / "concepts.parquet", row_group_size=256)


def write_pictures(folder: Path, rows: list[Row], painter: Painter, seed: int, painted: Callable[[int], None]) -> None:
    """Paints the rows in order and writes them; calls `painted` with how many are done."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on tensors of 128 pixels several wait for each other longer than they compute
    try:
        _write_pictures(folder, rows, painter, seed, painted)
    finally:
        torch.set_num_threads(threads)


def _write_pictures(folder: Path, rows: list[Row], painter: Painter, seed: int, painted: Callable[[int], None]) -> None:
    painted_already: dict[int, bytes] = {}  # the captions of one concept share its pictures
    for start in range(0, len(rows), _ROWS_A_FILE):
        records = []
        for i, row in enumerate(rows[start : start + _ROWS_A_FILE]):
            if row.seed not in painted_already:
                pixels = painter.paint(row.place, row.sky, list(row.placed), np.random.default_rng((seed, 3, row.seed)))
                painted_already[row.seed] = _encoded(Image.fromarray(pixels))
            records.append(_record(row, painted_already[row.seed]))
            if i % 32 == 0:
                painted(start + i)
        path = folder / f"pictures-{start // _ROWS_A_FILE:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(records, PICTURES), path, row_group_size=512)
    painted(len(rows))
