"""Inputs for whole runs, the command itself, and how two run folders compare."""

import hashlib
import io
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

KEPT = ("images/", "metadata/", "quarantine/")
"""What of a run folder must be the same after any restart; timings, the report and `run.json` may differ."""

_THINGS = ("heart", "cat", "red apple", "sailing boat", "clock", "lighthouse", "tea cup", "old bicycle")
_PLACES = ("on a beach", "under the stars", "in the snow", "beside a river", "in a meadow", "above the city")
_DINGE = ("爱心", "小猫", "红苹果", "帆船", "时钟", "灯塔", "茶杯", "旧自行车")
_ORTE = ("沙滩上的", "星空下的", "雪地里的", "河边的", "草地上的", "城市上空的")


def texts(count: int, seed: int = 0, english: bool = True) -> Iterator[str]:
    """Descriptions, English and Chinese by turns (or Chinese only), some of them more than once."""
    draw = random.Random(seed)
    for number in range(count):
        if number % 2 or not english:
            yield f"{draw.choice(_ORTE)}{draw.choice(_DINGE)}，第{draw.randrange(count)}号。"
        else:
            yield f"a {draw.choice(_THINGS)} {draw.choice(_PLACES)}, number {draw.randrange(count)}"


def write_prompts(
    url: str,
    rows: int,
    *,
    ids: bool = True,
    seeds: bool = False,
    size: int | None = None,
    row_group: int = 1000,
    english: bool = True,
) -> str:
    """Writes a Parquet file of prompts, a row group at a time so that any number of rows fits in memory.

    Args:
        ids: column `id`; without it the run makes its own.
        seeds: column `seed`, on every third row (the others null).
        size: columns `width` and `height`.

    Returns:
        the url.
    """
    fields = [("text", pa.string()), ("shelf", pa.string())]
    fields += [("id", pa.string())] * ids + [("seed", pa.int64())] * seeds
    fields += [("width", pa.int32()), ("height", pa.int32())] * (size is not None)
    schema = pa.schema(fields)
    text = texts(rows, english=english)
    with fsspec.open(url, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for start in range(0, rows, row_group):
            numbers = range(start, min(start + row_group, rows))
            columns = {
                "text": [next(text) for _ in numbers],
                "shelf": [f"shelf {number % 7}" for number in numbers],
                "id": [f"p{number:07d}" for number in numbers],
                "seed": [number if number % 3 == 0 else None for number in numbers],
                "width": [size] * len(numbers),
                "height": [size] * len(numbers),
            }
            writer.write_table(pa.table([columns[name] for name in schema.names], schema=schema))
    return url


def _find(url: str) -> tuple[fsspec.AbstractFileSystem, str, list[str]]:
    fs, base = fsspec.url_to_fs(url, **({"use_listings_cache": False} if url.startswith("s3://") else {}))
    base = base.rstrip("/")
    return fs, base, [name for name in fs.find(base) if name != base]  # which an emptied folder is in a store


def names(url: str) -> set[str]:
    """The paths of all files below a folder (local or s3://), relative to it."""
    _, base, found = _find(url)
    return {name.removeprefix(f"{base}/") for name in found}


def files(url: str) -> dict[str, bytes]:
    """Everything below a folder (local or s3://), by path relative to it."""
    fs, base, found = _find(url)
    return {name.removeprefix(f"{base}/"): fs.cat_file(name) for name in found}


def snapshot(url: str) -> dict[str, str]:
    """Pictures, metadata and quarantine of a run: path to sha256. Equal snapshots are equal byte for byte."""
    return {
        name: hashlib.sha256(data).hexdigest() for name, data in sorted(files(url).items()) if name.startswith(KEPT)
    }


def table(url: str, part: str) -> pa.Table:
    """All shards of `metadata` or `quarantine` as one table, in the input's order; no rows if there are none."""
    shards = [
        pq.read_table(io.BytesIO(data)) for name, data in sorted(files(url).items()) if name.startswith(f"{part}/")
    ]
    return pa.concat_tables(shards) if shards else pa.table({"row": pa.array([], pa.int64())})


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    def refused(self, *words: str, code: int = 2) -> None:
        """Asserts that it ended as bad input must: the exit code, and one sentence with all of `words` on stderr."""
        assert self.code == code, f"exit code {self.code}, stderr: {self.err}"
        assert "Traceback" not in self.out + self.err
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, f"not one sentence:\n{self.err}"
        missing = [word for word in words if word not in lines[0]]
        assert not missing, f"{missing} not in: {lines[0]}"


def with_own_server(home: Path) -> dict[str, str]:
    """The environment of a process that starts a Prefect server of its own, whichever this process has."""
    others = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return {**others, "PREFECT_HOME": str(home)}
