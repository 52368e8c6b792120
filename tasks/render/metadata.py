"""The metadata table of a run: one row per picture."""

import json
from functools import cached_property
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from tasks.render.shard_state import Picture, RenderShard

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
        "text_cut": pa.bool_(),
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
        "match": pa.float32(),
        "notes": pa.list_(pa.string()),
    }
)
EXPLAINED = pa.schema(
    {"explain": pa.string(), "explain_words": pa.list_(pa.string()), "explain_shares": pa.list_(pa.float32())}
)
"""Additional columns of a run with `explain`."""
RANKED = pa.schema({"reward": pa.float32()})
"""Additional column of a run with `reward`."""


class Provenance(BaseModel):
    """The models and settings behind the pictures: the same for every picture of a run."""

    encoder: str | None
    encoder_digest: str | None
    generator: str
    generator_digest: str
    settings: dict[str, Any]

    @property
    def panorama(self) -> bool:
        return bool(self.settings.get("panorama"))

    @property
    def model(self) -> str:
        """The generator as picture files name it."""
        return f"{self.generator} sha256:{self.generator_digest[:16]}"

    @cached_property
    def settings_json(self) -> str:
        return json.dumps(self.settings, ensure_ascii=False, sort_keys=True)


def picture_row(picture: Picture, provenance: Provenance) -> dict[str, Any]:
    """The columns of a picture that are known before its file is encoded."""
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
        "text_cut": prompt.text_cut,
        "encoder": provenance.encoder,
        "encoder_digest": provenance.encoder_digest,
        "generator": provenance.generator,
        "generator_digest": provenance.generator_digest,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "negative_text": prompt.negative_text,
        "guidance": prompt.guidance,
        "steps": prompt.steps,
        "settings": provenance.settings_json,
        "reward": picture.reward,
        "match": picture.match.share if picture.match else None,
        "notes": [*prepared.notes, *(picture.match.notes if picture.match else [])],
    }


def metadata_table(rows: list[dict[str, Any]], work: RenderShard, schema: pa.Schema = METADATA) -> pa.Table:
    """One row per picture: our columns, then every carried column (prefixed `input_` if its name is taken)."""
    table = pa.Table.from_pylist(rows, schema=schema)
    carried = work.carried.take(pa.array([row["row"] - work.shard.row for row in rows], pa.int64()))
    # Those of explained runs are never taken by others, as the report would look for heat maps there.
    return with_carried(table, carried, [*METADATA.names, *EXPLAINED.names])


def with_carried(table: pa.Table, carried: pa.Table, ours: list[str]) -> pa.Table:
    """The table with carried columns after its own, under names that are not among `ours`."""
    names = carried_names(carried.column_names, ours)
    for name, column in zip(carried.column_names, carried.columns, strict=True):
        table = table.append_column(names[name], column)
    return table


def carried_names(columns: list[str], ours: list[str]) -> dict[str, str]:
    """The names of carried columns in the metadata: prefixed with `input_` as often as needed to make all unique.

    `input_row` of metadata that is used as input becomes `input_input_row` if its `row` becomes `input_row`.
    """
    names: dict[str, str] = {}
    taken = set(ours)
    for column in sorted(columns, key=len):
        name = column
        while name in taken:
            name = f"input_{name}"
        taken.add(name)
        names[column] = name
    return names
