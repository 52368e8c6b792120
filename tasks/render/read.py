"""Read: one shard's rows from Parquet, checked, with ids and seeds."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from models.panorama import check_shape
from tasks.prompts.parquet_reader import shard_rows
from tasks.prompts.shards import Shard
from tasks.prompts.whole_input import Input
from tasks.render.anchors import ANCHOR, FILE
from tasks.render.options import LARGEST, MOST_GUIDANCE, MOST_PICTURES, MOST_STEPS, SMALLEST, ReadOptions
from tasks.render.references import References
from tasks.render.row_values import number, row_id, utf8_text, whole
from tasks.render.shard_state import Prompt, RenderShard, prompt_identity
from tasks.runfolder.shard_state import Failure

USED_COLUMNS = ("id", "seed", "width", "height", "count")  # and the text: all others are carried through


def picture_seed(job_seed: int, id: str, number: int = 0) -> int:
    """The seed of a row's picture, 32 bits: it depends on the job's seed, the id and the picture's number alone."""
    digest = hashlib.sha256(f"{job_seed}\0{id}\0{number}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big")


def read(
    found: Input,
    shard: Shard,
    options: ReadOptions,
    size: tuple[int, int],
    generation_params: Mapping[str, Any] = MappingProxyType({}),
    references: References | None = None,
) -> RenderShard:
    """Reads a shard.

    Args:
        size: width and height of a row for which neither it nor the options say.
        generation_params: which of `negative_text`, `guidance` and `steps` the generator has, and their values for a
            row for which neither it nor the options say. Columns for the others are carried through like any.
        references: opens the pictures that rows follow, if there are such columns.

    Raises:
        StorageError: the input cannot be read (any more).
    """
    rows = shard_rows(found, shard)
    used = (*USED_COLUMNS, *generation_params)
    carried = rows.table.select([name for name in rows.table.column_names if name not in {*used, found.text_column}])
    problems = _not_utf8(carried) | rows.problems
    prompts: list[Prompt] = []
    failures: list[Failure] = []
    texts = values(rows.table[found.text_column])
    follows = {name: values(rows.table[name]) for name in (FILE, ANCHOR) if name in rows.table.column_names}
    folders = [
        source.name.rpartition("/")[0] for source, _, count in found.parts(shard.row, shard.rows) for _ in range(count)
    ]
    columns = {name: values(rows.table[name]) for name in used if name in rows.table.column_names}
    for i, text in enumerate(texts):
        row = shard.row + i
        given = {name: column[i] for name, column in columns.items() if column[i] is not None}
        id = _position_id(row, text)
        try:
            if i in problems:
                raise ValueError(f"{problems[i]}.")
            if "id" in given:
                id = row_id(given["id"])
            if row in shard.duplicates:
                raise ValueError(
                    f"the id {id[:80]!r} stands on an earlier row too, or is that of a picture of another row; "
                    "give every row an id of its own."
                )
            prompt = _prompt(row, id, text, given, options, size, generation_params)
            if references is not None:
                named, rows_named = (follows[name][i] if name in follows else None for name in (FILE, ANCHOR))
                prompt.references = references.of(row, named, rows_named, folders[i])
            prompts.append(prompt)
        except ValueError as error:
            failures.append(Failure(row, "read", f"{rows.place(i)}{error}", prompt_identity(id, text)))
    return RenderShard(shard, prompts, failures, carried)


def _prompt(
    row: int,
    id: str,
    text: object,
    given: dict[str, Any],
    options: ReadOptions,
    size: tuple[int, int],
    generation_params: Mapping[str, Any],
) -> Prompt:
    width, height = row_size(given, options, size)
    count = _whole(given, "count", options.count, 1, MOST_PICTURES)
    if "seed" in given:
        first = _whole(given, "seed", 0, 0, 2**63 - 1 - MOST_PICTURES)
        seeds = [first + i for i in range(count)]
    else:
        seeds = [picture_seed(options.seed, id, i) for i in range(count)]
    return Prompt(row, id, text, seeds, width, height, **_resolved_params(given, options, generation_params))


def row_size(given: Mapping[str, Any], options: ReadOptions, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a row's pictures: its own, or the job's; of a panorama one tells the other.

    Raises:
        ValueError: they cannot be.
    """
    width, height = (
        whole(given[name], name, SMALLEST, LARGEST) if name in given else None for name in ("width", "height")
    )
    if options.panorama:
        return panorama_size(width, height) or size
    return width or options.width or size[0], height or options.height or size[1]


def panorama_size(width: int | None, height: int | None) -> tuple[int, int] | None:
    """Width and height of a panorama of which one or both are given; None if neither is.

    Raises:
        ValueError: it would not be twice as wide as high.
    """
    if width is None and height is None:
        return None
    found = width or 2 * (height or 0), height or (width or 0) // 2
    check_shape(*found)
    if found[0] > LARGEST:
        raise ValueError(f"a panorama {height} pixels high is {found[0]} wide; the widest is {LARGEST}.")
    return found


def values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; what cannot be one (text that is not UTF-8, a date beyond the calendar) as bytes, so
    that it costs its own row alone."""
    try:
        return column.to_pylist()
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return scalar.as_buffer().to_pybytes() if hasattr(scalar, "as_buffer") else b""


def _not_utf8(table: pa.Table) -> dict[int, str]:
    """Rows of which a column holds text that is not UTF-8, which no reader of the metadata could open."""
    found: dict[int, str] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            found.update({i: f"column {name!r} is not UTF-8 text" for i in range(len(column)) if not _valid(column, i)})
    return found


def _valid(column: pa.ChunkedArray, i: int) -> bool:
    try:
        column.take([i]).validate(full=True)  # a slice would check the lists of its neighbours, too
    except pa.ArrowInvalid:
        return False
    return True


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
            resolved[name] = number(given.get(name, default), name, 0, MOST_GUIDANCE)
        else:
            resolved[name] = utf8_text(given[name], name) if name in given else default
    return resolved


def _whole(given: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    return whole(given[name], name, low, high) if name in given else default
