"""Write: pictures, metadata and quarantine of one shard."""

from hashlib import sha256
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, Field

from tasks.imaging.encode import SUFFIX, Format, encode_picture, quality_figures, to_uint8
from tasks.render.explain import heat_file
from tasks.render.layouts import LAYOUTS, Layout, pack_name
from tasks.render.metadata import EXPLAINED, METADATA, Provenance, metadata_table, picture_row
from tasks.render.shard_state import Prompt, Work
from tasks.runfolder.commit import Outcome
from tasks.runfolder.filenames import file_name
from tasks.runfolder.storage import Storage


class WriteOptions(BaseModel):
    """How pictures are kept."""

    format: Format = "png"
    """Picture format; PNG keeps every pixel."""
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Of JPEG and WebP."""
    layout: Layout = "files"
    """One file a picture, a Parquet or WebDataset tar a shard, or `dummy`: keep none (for benchmarks)."""


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
    return work.commit(storage, metadata, attempt)


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
            **_set_params(picture.prompt),
        }
        pixels = to_uint8(picture.pixels)
        picture.figures = quality_figures(pixels)
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
            **picture_row(picture, made_by),
            "image": layout.locate(pack, name),
            "sha256": sha256(data).hexdigest() if data else None,
            "bytes": len(data),
            **picture.figures,
        }
        for picture, name, data in entries
    ]


def _set_params(prompt: Prompt) -> dict[str, str]:
    """What was set of the generator for a row, by names for a picture's own text."""
    params = {"negative prompt": prompt.negative_text, "guidance": prompt.guidance, "steps": prompt.steps}
    return {name: str(value) for name, value in params.items() if value is not None}
