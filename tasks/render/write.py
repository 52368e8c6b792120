"""The write stage: pictures, metadata and quarantine of one shard."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256

import pyarrow as pa
import torch

from tasks.imaging.encode import SUFFIX, encode_picture, quality_figures, to_uint8
from tasks.render.explain import heat_file
from tasks.render.layouts import LAYOUTS, pack_name
from tasks.render.metadata import EXPLAINED, METADATA, RANKED, Provenance, metadata_table, picture_row
from tasks.render.options import WriteOptions
from tasks.render.references import provenance
from tasks.render.shard_state import Made, Picture, Prompt, RenderShard
from tasks.runfolder.commit import Outcome
from tasks.runfolder.filenames import numbered
from tasks.runfolder.storage import Storage


def store(
    work: RenderShard,
    storage: Storage,
    options: WriteOptions,
    provenance: Provenance,
    attempt: int = 1,
    explained: bool = False,
) -> None:
    """Encodes and writes the pictures in hand; again after a failure, it goes on where it failed.

    Args:
        attempt: number of this attempt at the rows.
        explained: whether heat maps are also written, to `explain/`.

    Raises:
        StorageError: something could not be written.
    """
    if work.parts and not work.pictures:
        return
    with work.timed("write"):
        _encode(work, options, provenance)
        made = _write_pictures(work, storage, options, provenance, attempt)
        if explained:
            _write_heat(work, storage, made)
    work.made += made
    work.parts += 1
    work.pictures = []


def complete(
    work: RenderShard, storage: Storage, attempt: int = 1, explained: bool = False, ranked: bool = False
) -> Outcome:
    """Commits a shard whose pictures are stored.

    Returns:
        The outcome of the shard, as recorded in `timings/`.

    Raises:
        StorageError: something could not be written; the shard then counts as incomplete.
    """
    with work.timed("write"):
        for file in sorted(work.unwanted):
            storage.delete(file)
        schema = pa.schema([*METADATA, *(EXPLAINED if explained else ()), *(RANKED if ranked else ())])
        metadata = metadata_table([made.row for made in work.made], work, schema)
    return work.commit(storage, metadata, attempt)


@cache
def _encoders() -> ThreadPoolExecutor:
    """Encode the pictures of all shards of this process, one on each of its cores at a time."""
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="encoder")


def begin_encoding(picture: Picture, options: WriteOptions, provenance: Provenance) -> None:
    """Has a picture encoded that nothing else is to be done with; once, however often it is called."""
    if picture.encoding is None:
        picture.encoding = _encoders().submit(encode_one, picture, options, provenance)


def _encode(work: RenderShard, options: WriteOptions, provenance: Provenance) -> None:
    """Waits until all pictures are encoded: most are by now, and a retry after a failed write finds them all so."""
    for picture in work.pictures:
        begin_encoding(picture, options, provenance)
    for picture in work.pictures:
        if picture.encoding is not None:
            picture.encoding.result()


def encode_one(picture: Picture, options: WriteOptions, provenance: Provenance) -> None:
    """Sets `file`, `figures` and `heat_file` of a picture and frees its pixels, so that it is not in memory twice.

    Does nothing to a picture without pixels. Different pictures may be encoded by several threads at once.
    """
    if picture.pixels is None:
        return
    info = {
        "prompt": str(picture.prompt.text),
        "id": picture.id,
        "seed": str(picture.seed),
        "model": provenance.model,
        "settings": provenance.settings_json,
        "Software": "imagemill",
        **_set_params(picture.prompt),
    }
    pixels = to_uint8(picture.pixels)
    picture.figures = quality_figures(pixels)
    picture.file = b""
    if options.layout != "dummy":
        picture.file = encode_picture(pixels, options.format, options.quality, info, provenance.panorama)
    picture.pixels = None
    if picture.heat is not None:
        picture.heat_file = heat_file(picture.heat, pixels)


def _write_heat(work: RenderShard, storage: Storage, made: list[Made]) -> None:
    """Writes the pictures' heat maps, and adds the `EXPLAINED` columns to their rows."""
    names = [f"explain/{work.shard.name}/{numbered(work.names[p.prompt.id], p.number)}.png" for p in work.pictures]
    storage.write_many({name: p.heat_file for name, p in zip(names, work.pictures, strict=True) if p.heat_file})
    for name, picture, each in zip(names, work.pictures, made, strict=True):
        each.files += [name] if picture.heat_file else []
        each.row |= {
            "explain": name if picture.heat_file else None,
            "explain_words": picture.heat.words if picture.heat else None,
            "explain_shares": picture.heat.shares if picture.heat else None,
        }


def _write_pictures(
    work: RenderShard, storage: Storage, options: WriteOptions, provenance: Provenance, attempt: int
) -> list[Made]:
    """Writes the pictures' files; returns their metadata rows."""
    layout = LAYOUTS[options.layout]
    pack = pack_name(options.layout, work.shard.name, attempt, work.parts + 1)
    entries = [
        (picture, f"{numbered(work.names[picture.prompt.id], picture.number)}.{SUFFIX[options.format]}", picture.file)
        for picture in work.pictures
    ]
    storage.write_many(layout.pack(pack, entries))
    made = []
    for picture, name, data in entries:
        image = layout.locate(pack, name)
        row = {
            **picture_row(picture, provenance),
            "image": image,
            "sha256": sha256(data).hexdigest() if data else None,
            "bytes": len(data),
            **picture.figures,
        }
        made.append(Made(picture.prompt, [image.partition("#")[0]] if image else [], row))
    return made


def _set_params(prompt: Prompt) -> dict[str, str]:
    """The generation parameters of a row, by their names in the text embedded in picture files."""
    params: dict[str, object] = {
        "negative prompt": prompt.negative_text,
        "guidance": prompt.guidance,
        "steps": prompt.steps,
    }
    if prompt.references:
        params["references"] = provenance(prompt.references)
    return {name: str(value) for name, value in params.items() if value is not None}
