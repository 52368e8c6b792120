"""Run folders as the contract has them, made up quickly, for the tests of what reads them."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.render.layouts import LAYOUTS
from tasks.render.options import Layout
from tasks.render.shard_state import Picture, Prompt
from tasks.runfolder.filenames import file_name

PROMPTS = (
    "a lighthouse on a cliff at sunset, waves breaking below",
    "阳光明媚，沙滩上有一对情侣散步，海浪轻轻拍打着海岸线。",
    "a cup of hot coffee beside an open book",
    "雪夜里的小木屋，窗户透出温暖的灯光",
    "three red kites over a green meadow, summer, wide shot with long soft shadows and a pale moon low in the east",
    "a fox",
)


def gradient(index: int, edge: int = 96) -> bytes:
    """A PNG whose two colours depend on the index."""
    a, b = np.random.default_rng(index).uniform(0.1, 0.95, (2, 3))
    y, x = np.mgrid[0 : 1 : edge * 1j, 0 : 1 : edge * 1j]
    share = (0.3 * x + 0.7 * y + 0.08 * np.sin(9 * x + index))[..., None].clip(0, 1)
    out = io.BytesIO()
    Image.fromarray((255 * (a * (1 - share) + b * share)).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def make_run(
    folder: Path,
    pictures: int,
    *,
    prompts: Sequence[str] = PROMPTS,
    failures: Sequence[tuple[str, str, str | None]] = (),
    layout: Layout = "files",
    shard: int = 100,
    carried: dict[str, Callable[[int], Any]] | None = None,
    picture: Callable[[int], bytes] | None = gradient,
    suffix: str = "png",
) -> Path:
    """A run of `pictures` rows; `failures` are (stage, error, text) of rows that follow the last picture.

    `picture` makes a row's file; None leaves all picture files out.
    """
    for name in ("metadata", "quarantine", "timings", "images"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    run = {
        "job": {"prompts": "examples/prompts.parquet", "layout": layout, "seed": 7, "enhance": "denoise:0.3"},
        "input": {"rows": pictures + len(failures)},
        "encoder": {"name": "gemma3-270m/13", "digest": "a5fd3b62230aa5ec" * 4},
        "generator": {"name": "imagemill-vae", "digest": "0c11d2e3f4a59687" * 4},
        "shard_size": shard,
        "shards": -(-pictures // shard),
        "versions": {"imagemill": "0.1.0", "torch": "2.13.0"},
    }
    (folder / "run.json").write_text(json.dumps(run))
    for number, start in enumerate(range(0, max(pictures, 1), shard)):
        rows = range(start, min(start + shard, pictures))
        name = f"{number:05d}"
        table = _metadata(rows, prompts, layout, name, carried or {}, suffix)
        pq.write_table(table, folder / f"metadata/{name}.parquet")
        if picture is not None:
            _write_pictures(folder, layout, name, rows, picture, suffix)
        seconds = {
            "read": 0.002 * len(rows),
            "preprocess": 0.004 * len(rows),
            "encode": (0.016 + 0.002 * (number % 3)) * len(rows),
            "generate": (0.055 + 0.013 * ((number * 7) % 5)) * len(rows),
            "enhance": 0.006 * len(rows),
            "write": 0.008 * len(rows),
        }
        timing = {"rows": len(rows), "pictures": len(rows), "quarantined": 0, "seconds": seconds}
        (folder / f"timings/{name}.json").write_text(json.dumps(timing))
    if failures:
        table = pa.table(
            {
                "row": pa.array(range(pictures, pictures + len(failures)), pa.int64()),
                "prompt_id": [f"bad-{index}" for index in range(len(failures))],
                "text": pa.array([text for _, _, text in failures], pa.string()),
                "stage": [stage for stage, _, _ in failures],
                "error": [error for _, error, _ in failures],
                "attempt": pa.array([1] * len(failures), pa.int32()),
            }
        )
        pq.write_table(table, folder / "quarantine/00000.parquet")
    return folder


def picture_id(row: int) -> str:
    return hashlib.sha256(str(row).encode()).hexdigest()[:16]


def _metadata(
    rows: range,
    prompts: Sequence[str],
    layout: Layout,
    name: str,
    carried: dict[str, Callable[[int], Any]],
    suffix: str,
) -> pa.Table:
    ids = [picture_id(row) for row in rows]
    texts = [prompts[row % len(prompts)] for row in rows]
    words = [text.replace("，", " ").replace(",", "").split() for text in texts]
    columns: dict[str, pa.Array] = {
        "id": pa.array(ids, pa.string()),
        "prompt_id": pa.array(ids, pa.string()),
        "row": pa.array(rows, pa.int64()),
        "text": pa.array(texts, pa.string()),
        "language": pa.array(["zh" if any(ord(c) > 0x3000 for c in text) else "en" for text in texts], pa.string()),
        "tokens": pa.array(words, pa.list_(pa.string())),
        "pos": pa.array([["NOUN"] * len(found) for found in words], pa.list_(pa.string())),
        "keywords": pa.array([[word for word in found if len(word) > 3] for found in words], pa.list_(pa.string())),
        "encoder_text": pa.array(texts, pa.string()),
        "encoder": pa.array(["gemma3-270m/13"] * len(rows), pa.string()),
        "encoder_digest": pa.array(["a5fd3b62230aa5ec" * 4] * len(rows), pa.string()),
        "generator": pa.array(["imagemill-vae"] * len(rows), pa.string()),
        "generator_digest": pa.array(["0c11d2e3f4a59687" * 4] * len(rows), pa.string()),
        "seed": pa.array([int(one, 16) >> 1 for one in ids], pa.int64()),
        "width": pa.array([96] * len(rows), pa.int32()),
        "height": pa.array([96] * len(rows), pa.int32()),
        "settings": pa.array(['{"steps": 1}'] * len(rows), pa.string()),
        "image": pa.array([LAYOUTS[layout].locate(name, f"{file_name(one)}.{suffix}") for one in ids], pa.string()),
        "sha256": pa.array([hashlib.sha256(one.encode()).hexdigest() for one in ids], pa.string()),
        "bytes": pa.array([9_000 + row % 977 for row in rows], pa.int64()),
        "brightness": pa.array([(row % 97) / 97 for row in rows], pa.float32()),
        "contrast": pa.array([(row % 89) / 89 for row in rows], pa.float32()),
        "sharpness": pa.array([(row % 83) / 83 for row in rows], pa.float32()),
    }
    columns |= {column: pa.array([make(row) for row in rows]) for column, make in carried.items()}
    return pa.table(columns)


def _write_pictures(
    folder: Path, layout: Layout, name: str, rows: range, picture: Callable[[int], bytes], suffix: str
) -> None:
    entries = []
    for row in rows:
        prompt = Prompt(row, picture_id(row), "a prompt", [1], 96, 96)
        entries.append((Picture(prompt, 0), f"{file_name(prompt.id)}.{suffix}", picture(row)))
    for path, content in LAYOUTS[layout].pack(name, entries).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
