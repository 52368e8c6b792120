"""Some rows of the input, by their ids."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.opening import open_filesystem, parquet_file
from tasks.prompts.whole_input import Input, Source
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem

NAMED = 5  # ids in a sentence
AT_ONCE = 10_000  # rows


def read_ids(file: str) -> set[str]:
    """The ids in a file of text, one a line. Raises BadInput if it cannot be read or has none."""
    try:
        fs, path = filesystem(file)
        lines = fs.cat_file(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--only {file}: it cannot be read ({error}); give a text file of ids, one a line.") from error
    ids = {line.strip() for line in lines if line.strip()}
    if not ids:
        raise BadInput(f"--only {file}: there are no ids in it; give one a line.")
    return ids


def only_rows(found: Input, file: str, folder: Path) -> Input:
    """The rows whose ids a file lists, as an input of their own, in `folder`.

    A row's picture is that of the whole input: it depends on the row's id, not on its place.

    Raises:
        BadInput: the file cannot be read, the prompts have no column id, or no row has one of the ids.
    """
    ids = read_ids(file)
    if "id" not in found.schema.names:
        raise BadInput("--only names rows by id, and the prompts have no column id; add one.")
    left = set(ids)
    sources = [source for i, one in enumerate(found.sources) if (source := _filtered(one, i, ids, left, folder))]
    if left:
        more = f" and {len(left) - NAMED:,} more" if len(left) > NAMED else ""
        raise BadInput(
            f"--only {file}: no row has the id {', '.join(map(repr, sorted(left)[:NAMED]))}{more}; mend the list."
        )
    return replace(found, sources=tuple(sources))


def _filtered(source: Source, number: int, ids: set[str], left: set[str], folder: Path) -> Source | None:
    """A source's rows with these ids, which are taken from `left`; None if it has none."""
    fs, path = open_filesystem(source.url)
    target = folder / f"only-{number:05d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with parquet_file(fs, path, source.name) as parquet:
        if "id" not in parquet.schema_arrow.names:
            return None
        with pq.ParquetWriter(target, parquet.schema_arrow) as writer:
            for batch in _batches(parquet):
                named = [str(value) if value is not None else "" for value in batch["id"].to_pylist()]
                kept = batch.filter(pa.array([id in ids for id in named], pa.bool_()))
                left.difference_update(named)
                writer.write_batch(kept)
                rows += kept.num_rows
    chosen = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()
    return replace(source, url=str(target), rows=rows, fingerprint=f"{source.fingerprint} {chosen}") if rows else None


def _batches(parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    yield from parquet.iter_batches(AT_ONCE)
