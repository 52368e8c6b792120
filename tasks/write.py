"""Write: pictures, metadata and quarantine of one shard; the metadata last, so its existence means it is complete."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Annotated, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field

from tasks.explain import heat_file
from tasks.layouts import LAYOUTS, Layout, pack_name
from tasks.names import file_name
from tasks.pictures import SUFFIX, Format, encode_picture, figures, to_bytes
from tasks.storage import Storage
from tasks.work import Failure, Picture, Prompt, Work

QUARANTINE = pa.schema(
    {
        "row": pa.int64(),
        "prompt_id": pa.string(),
        "text": pa.string(),
        "stage": pa.string(),
        "error": pa.string(),
        "attempt": pa.int32(),
    }
)
METADATA = pa.schema(
    {
        "id": pa.string(),
        "prompt_id": pa.string(),
        "row": pa.int64(),
        "text": pa.string(),
        "language": pa.string(),
        "tokens": pa.list_(pa.string()),
        "pos": pa.list_(pa.string()),
        "keywords": pa.list_(pa.string()),
        "encoder_text": pa.string(),
        "encoder": pa.string(),
        "encoder_digest": pa.string(),
        "generator": pa.string(),
        "generator_digest": pa.string(),
        "seed": pa.int64(),
        "width": pa.int32(),
        "height": pa.int32(),
        "negative_text": pa.string(),
        "guidance": pa.float32(),
        "steps": pa.int32(),
        "settings": pa.string(),
        "image": pa.string(),
        "sha256": pa.string(),
        "bytes": pa.int64(),
        "brightness": pa.float32(),
        "contrast": pa.float32(),
        "sharpness": pa.float32(),
    }
)


EXPLAINED = pa.schema(
    {"explain": pa.string(), "explain_words": pa.list_(pa.string()), "explain_shares": pa.list_(pa.float32())}
)
"""What a picture's row has besides where pictures are explained."""


class WriteOptions(BaseModel):
    """How pictures are kept."""

    format: Format = "png"
    """Picture format; PNG keeps every pixel."""
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Of JPEG and WebP."""
    layout: Layout = "files"
    """One file a picture, a Parquet or WebDataset tar a shard, or `dummy`: keep none (for benchmarks)."""


class Provenance(BaseModel):
    """What made the pictures: the same for every picture of a run."""

    encoder: str | None
    encoder_digest: str | None
    generator: str
    generator_digest: str
    settings: dict[str, Any]

    @cached_property
    def settings_json(self) -> str:
        return json.dumps(self.settings, ensure_ascii=False, sort_keys=True)


class AnyShard(Protocol):
    """A unit of work and of commit."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """A shard's rows, what became of them, and the seconds each stage took."""

    rows: int
    pictures: int
    quarantined: int
    seconds: dict[str, float]


def write(
    work: Work, storage: Storage, options: WriteOptions, made_by: Provenance, attempt: int = 1, explained: bool = False
) -> Outcome:
    """Encodes and writes a shard.

    Args:
        attempt: how often the rows have been tried, for the quarantine.
        explained: the pictures' heat maps are written too, to `explain/`.

    Returns:
        What the shard came to, as kept in `timings/`.

    Raises:
        StorageError: something could not be written; the shard does not count as complete then.
    """
    with work.timed("write"):
        _encode(work, options, made_by)
        rows = _write_pictures(work, storage, options, made_by, attempt)
        schema = METADATA
        if explained:
            schema = pa.schema([*METADATA, *EXPLAINED])
            rows = [{**row, **heat} for row, heat in zip(rows, _write_heat(work, storage), strict=True)]
        metadata = metadata_table(rows, work, schema)
    return commit(storage, work.shard, metadata, quarantine_table(work.failures, attempt), work.seconds, attempt)


def commit(
    storage: Storage,
    shard: AnyShard,
    metadata: pa.Table,
    quarantine: pa.Table,
    seconds: Mapping[str, float],
    attempt: int,
) -> Outcome:
    """Writes what a shard came to, once its pictures are there. In a later attempt, what was made is added.

    Raises:
        StorageError: something could not be written; the shard does not count as complete then.
    """
    name = shard.name
    if attempt > 1:
        metadata = pa.concat_tables([read_table(storage, f"metadata/{name}.parquet"), metadata])
        metadata = metadata.sort_by([("row", "ascending"), ("id", "ascending")])
    rounded = {stage: round(value, 4) for stage, value in seconds.items()}
    outcome = Outcome(shard.rows, metadata.num_rows, quarantine.num_rows, rounded)
    storage.write(f"timings/{name}.json", json.dumps(asdict(outcome)).encode())
    if attempt == 1:
        _write_quarantine(name, storage, quarantine)
        storage.write(f"metadata/{name}.parquet", to_parquet(metadata))
    else:  # the shard counts as complete already: a row may be in both for an instant, but never in neither
        storage.write(f"metadata/{name}.parquet", to_parquet(metadata))
        _write_quarantine(name, storage, quarantine)
    return outcome


def _encode(work: Work, options: WriteOptions, made_by: Provenance) -> None:
    """Pixels to the bytes of files, once: a picture's pixels go as they are encoded, so that it is not held twice."""
    for picture in work.pictures:
        if picture.pixels is None:
            continue  # done, and what failed was the writing: this is another try
        info = {
            "prompt": str(picture.prompt.text),
            "id": picture.id,
            "seed": str(picture.seed),
            "model": f"{made_by.generator} sha256:{made_by.generator_digest[:16]}",
            "settings": made_by.settings_json,
            "Software": "imagemill",
            **_turned(picture.prompt),
        }
        pixels = to_bytes(picture.pixels)
        picture.figures = figures(pixels)
        picture.file = (
            b"" if options.layout == "dummy" else encode_picture(pixels, options.format, options.quality, info)
        )
        picture.pixels = None
        if picture.heat is not None:
            picture.heat_file = heat_file(picture.heat, pixels)


def _write_heat(work: Work, storage: Storage) -> list[dict[str, Any]]:
    """Writes the pictures' heat maps; returns what their metadata rows say of them."""
    names = [f"explain/{work.shard.name}/{file_name(p.prompt.id, p.number)}.png" for p in work.pictures]
    storage.write_many({name: p.heat_file for name, p in zip(names, work.pictures, strict=True) if p.heat_file})
    return [
        {
            "explain": name if picture.heat_file else None,
            "explain_words": picture.heat.words if picture.heat else None,
            "explain_shares": picture.heat.shares if picture.heat else None,
        }
        for name, picture in zip(names, work.pictures, strict=True)
    ]


def _write_pictures(
    work: Work, storage: Storage, options: WriteOptions, made_by: Provenance, attempt: int
) -> list[dict[str, Any]]:
    """Writes the pictures' files; returns their metadata rows."""
    layout = LAYOUTS[options.layout]
    pack = pack_name(options.layout, work.shard.name, attempt)
    entries = [
        (picture, f"{file_name(picture.prompt.id, picture.number)}.{SUFFIX[options.format]}", picture.file)
        for picture in work.pictures
    ]
    storage.write_many(layout.pack(pack, entries))
    return [
        {
            **_row(picture, made_by),
            "image": layout.locate(pack, name),
            "sha256": sha256(data).hexdigest() if data else None,
            "bytes": len(data),
            **picture.figures,
        }
        for picture, name, data in entries
    ]


def _turned(prompt: Prompt) -> dict[str, str]:
    """What was set of the generator for a row, by names for a picture's own text."""
    turned = {"negative prompt": prompt.negative_text, "guidance": prompt.guidance, "steps": prompt.steps}
    return {name: str(value) for name, value in turned.items() if value is not None}


def _row(picture: Picture, made_by: Provenance) -> dict[str, Any]:
    prompt = picture.prompt
    prepared = prompt.prepared
    assert prepared is not None
    return {
        "id": picture.id,
        "prompt_id": prompt.id,
        "row": prompt.row,
        "text": prompt.text,
        "language": prepared.language,
        "tokens": prepared.tokens,
        "pos": prepared.pos,
        "keywords": prepared.keywords,
        "encoder_text": prepared.encoder_text,
        "encoder": made_by.encoder,
        "encoder_digest": made_by.encoder_digest,
        "generator": made_by.generator,
        "generator_digest": made_by.generator_digest,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "negative_text": prompt.negative_text,
        "guidance": prompt.guidance,
        "steps": prompt.steps,
        "settings": made_by.settings_json,
    }


def metadata_table(rows: list[dict[str, Any]], work: Work, schema: pa.Schema = METADATA) -> pa.Table:
    """One row a picture: ours, then every carried column (`input_` before a name that is ours)."""
    table = pa.Table.from_pylist(rows, schema=schema)
    carried = work.carried.take(pa.array([row["row"] - work.shard.row for row in rows], pa.int64()))
    for name, column in zip(carried.column_names, carried.columns, strict=True):
        table = table.append_column(f"input_{name}" if name in schema.names else name, column)
    return table


def quarantine_table(failures: list[Failure], attempt: int) -> pa.Table:
    rows = [
        {
            "row": failure.row,
            "prompt_id": failure.id,
            "text": None if failure.text is None else str(failure.text),
            "stage": failure.stage,
            "error": failure.error,
            "attempt": attempt,
        }
        for failure in sorted(failures, key=lambda failure: failure.row)
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE)


def to_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def shard_names(storage: Storage, folder: str) -> set[str]:
    """The shards that have a file in `metadata` (the complete ones) or `quarantine`."""
    return {PurePosixPath(path).stem for path in storage.list(folder)}


def read_table(storage: Storage, path: str) -> pa.Table:
    return pq.read_table(io.BytesIO(storage.read(path)))


def _write_quarantine(shard: str, storage: Storage, quarantine: pa.Table) -> None:
    path = f"quarantine/{shard}.parquet"
    if quarantine.num_rows:
        storage.write(path, to_parquet(quarantine))
    else:
        storage.delete(path)  # left by an earlier attempt
