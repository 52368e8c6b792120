"""Read: one shard's rows from Parquet, checked, with ids and seeds."""

import hashlib
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, Field

from tasks.prompts.parquet_reader import Cursor, shard_rows
from tasks.prompts.prompt_files import Input
from tasks.prompts.shards import Shard
from tasks.render.shard_state import Prompt, Work, prompt_identity
from tasks.runfolder.shard_state import Failure

USED_COLUMNS = ("id", "seed", "width", "height", "count")  # and the text: all others are carried through
LARGEST, SMALLEST = 4096, 16  # pixels an edge
MOST_PICTURES = 1000  # of one prompt
MOST_GUIDANCE, MOST_STEPS = 100, 1000


class ReadOptions(BaseModel):
    """What a row that does not say so itself gets."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the job: a row without a seed of its own gets one made from this and its id."""
    width: Annotated[int | None, Field(ge=SMALLEST, le=LARGEST)] = None
    """Width in pixels; by default the generator's own."""
    height: Annotated[int | None, Field(ge=SMALLEST, le=LARGEST)] = None
    """Height in pixels; by default the generator's own."""
    count: Annotated[int, Field(ge=1, le=MOST_PICTURES)] = 1
    """Pictures of each prompt."""
    negative_text: str | None = None
    """What is to be kept out of the pictures; for diffusers checkpoints that know such a thing."""
    guidance: Annotated[float | None, Field(ge=0, le=MOST_GUIDANCE)] = None
    """How closely a diffusers checkpoint follows the text; by default as its pipeline does."""
    steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """Denoising steps of a diffusers checkpoint; by default as many as its pipeline takes."""


def picture_seed(job_seed: int, id: str, number: int = 0) -> int:
    """The seed of a row's picture, 32 bits: it depends on the job's seed, the id and the picture's number alone."""
    digest = hashlib.sha256(f"{job_seed}\0{id}\0{number}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big")


def duplicate_rows(found: Input) -> np.ndarray:
    """Rows whose id stands on an earlier row too, sorted (int64).

    Reads the id column alone, a batch at a time, and keeps 8 bytes a row.
    """
    if "id" not in found.schema.names:
        return np.empty(0, dtype=np.int64)
    hashes, given = np.zeros(found.rows, dtype=np.uint64), np.zeros(found.rows, dtype=bool)
    row = 0
    for source in found.sources:
        for batch in Cursor(source.url, ("id",)).parquet.iter_batches(65_536, columns=["id"]):
            ids = batch.column(0)
            stop = row + len(ids)
            given[row:stop] = ids.is_valid().to_numpy(zero_copy_only=False)
            hashes[row:stop] = pd.util.hash_array(ids.cast(pa.string()).to_numpy(zero_copy_only=False))
            row = stop
    rows = np.flatnonzero(given)
    order = rows[np.argsort(hashes[rows], kind="stable")]
    again = hashes[order][1:] == hashes[order][:-1]
    return np.sort(order[1:][again])


def read(
    found: Input,
    shard: Shard,
    options: ReadOptions,
    size: tuple[int, int],
    generation_params: Mapping[str, Any] = MappingProxyType({}),
) -> Work:
    """Reads a shard.

    Args:
        size: width and height of a row for which neither it nor the options say.
        generation_params: which of `negative_text`, `guidance` and `steps` the generator has, and their values for a
            row for which neither it nor the options say. Columns for the others are carried through like any.

    Raises:
        StorageError: the input cannot be read (any more).
    """
    table = shard_rows(found, shard)
    used = (*USED_COLUMNS, *generation_params)
    carried = [name for name in table.column_names if name not in {*used, found.text_column}]
    work = Work(shard, [], [], table.select(carried))
    texts = _values(table[found.text_column])
    columns = {name: _values(table[name]) for name in used if name in table.column_names}
    for i, text in enumerate(texts):
        row = shard.row + i
        given = {name: column[i] for name, column in columns.items() if column[i] is not None}
        id = str(given["id"]) if "id" in given else _position_id(row, text)
        try:
            if row in shard.duplicates:
                raise ValueError(f"the id {id[:80]!r} stands on an earlier row too; give every row an id of its own.")
            width = _whole(given, "width", options.width or size[0], SMALLEST, LARGEST)
            height = _whole(given, "height", options.height or size[1], SMALLEST, LARGEST)
            count = _whole(given, "count", options.count, 1, MOST_PICTURES)
            if "seed" in given:
                first = _whole(given, "seed", 0, 0, 2**63 - 1 - MOST_PICTURES)
                seeds = [first + number for number in range(count)]
            else:
                seeds = [picture_seed(options.seed, id, number) for number in range(count)]
            resolved = _resolved_params(given, options, generation_params)
        except ValueError as error:
            work.failures.append(Failure(row, "read", str(error), prompt_identity(id, text)))
        else:
            work.prompts.append(Prompt(row, id, text, seeds, width, height, **resolved))
    return work


def _values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; text that is not valid UTF-8 stays bytes, so that it costs its own row alone."""
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [_text(value) for value in column.cast(pa.large_binary()).to_pylist()]


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _position_id(row: int, text: object) -> str:
    digest = hashlib.sha256(str(text).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{row:08d}-{digest[:8]}"


def _resolved_params(
    given: dict[str, Any], options: ReadOptions, generation_params: Mapping[str, Any]
) -> dict[str, Any]:
    """The row's own value of each parameter, or the job's, or the generator's."""
    resolved: dict[str, Any] = {}
    for name, own in generation_params.items():
        wanted = getattr(options, name)
        default = own if wanted is None else wanted
        if name == "steps":
            resolved[name] = _whole(given, name, default, 1, MOST_STEPS)
        elif name == "guidance":
            resolved[name] = _number(given, name, default, 0, MOST_GUIDANCE)
        else:
            resolved[name] = str(given[name]) if name in given else default
    return resolved


def _number(given: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    try:
        value = float(given.get(name, default))
    except (TypeError, ValueError):
        value = math.nan
    if not low <= value <= high:
        raise ValueError(f"{name} is {str(given[name])[:40]!r}; give a number from {low} to {high}.")
    return value


def _whole(given: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    if name not in given:
        return default
    try:
        value = float(given[name]) if isinstance(given[name], float) else int(given[name])
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {str(given[name])[:40]!r}; give a whole number.") from None
    if not low <= value <= high or value != int(value):
        raise ValueError(f"{name} is {given[name]}; give a whole number from {low} to {high}.")
    return int(value)
