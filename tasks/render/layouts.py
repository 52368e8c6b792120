"""Layouts of a shard's pictures in the run folder."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.render.options import Layout
from tasks.render.shard_state import Picture
from tasks.runfolder.storage import Storage

_BATCH = 32  # pictures of a Parquet shard in memory at a time

Entry = tuple[Picture, str, bytes]  # the picture, its file name, the file's bytes


@dataclass(frozen=True)
class Packing:
    """`pack(pack name, entries)` gives the files to write; `locate(pack name, file name)` the metadata's `image`."""

    pack: Callable[[str, Sequence[Entry]], dict[str, bytes]]
    locate: Callable[[str, str], str]


def pack_name(layout: Layout, shard: str, attempt: int, part: int = 1) -> str:
    """Name of the pack that pictures of a shard go to: rows retried later, and each further part of a shard with many
    pixels, go to packs of their own beside the first."""
    if layout == "files":
        return shard
    return shard + (f"-{attempt}" if attempt > 1 else "") + (f".{part}" if part > 1 else "")


def _files(shard: str, entries: Sequence[Entry]) -> dict[str, bytes]:
    return {f"images/{shard}/{name}": data for _, name, data in entries}


def _parquet(shard: str, entries: Sequence[Entry]) -> dict[str, bytes]:
    """As Hugging Face `datasets` stores images: a struct of bytes and path."""
    table = pa.table(
        {
            "id": pa.array([picture.id for picture, _, _ in entries], pa.string()),
            "image": pa.array(
                [{"bytes": data, "path": name} for _, name, data in entries],
                pa.struct({"bytes": pa.binary(), "path": pa.string()}),
            ),
        }
    )
    feature = {"info": {"features": {"id": {"dtype": "string", "_type": "Value"}, "image": {"_type": "Image"}}}}
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(feature)}), sink, compression="none")
    return {f"images/{shard}.parquet": sink.getvalue()}


def _tar(shard: str, entries: Sequence[Entry]) -> dict[str, bytes]:
    """As WebDataset expects: files with the same key are adjacent. A dot would end the key, so dots are encoded."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for picture, name, data in entries:
            key = _tar_key(name)
            fields = {"id": picture.id, "seed": picture.seed, "text": str(picture.prompt.text)}
            parts = {
                PurePosixPath(name).suffix: data,
                ".txt": str(picture.prompt.text).encode("utf-8", "replace"),
                ".json": json.dumps(fields).encode(),
            }
            for suffix, content in parts.items():
                member = tarfile.TarInfo(key + suffix)  # its time stays 0: the same run gives the same bytes
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return {f"images/{shard}.tar": sink.getvalue()}


def _tar_key(name: str) -> str:
    return PurePosixPath(name).stem.replace(".", "%2E")


LAYOUTS: dict[Layout, Packing] = {
    "files": Packing(_files, lambda shard, name: f"images/{shard}/{name}"),
    "parquet": Packing(_parquet, lambda shard, name: f"images/{shard}.parquet#{name}"),
    "tar": Packing(_tar, lambda shard, name: f"images/{shard}.tar#{_tar_key(name)}{PurePosixPath(name).suffix}"),
    "dummy": Packing(lambda shard, entries: {}, lambda shard, name: ""),
}


def read_pack(storage: Storage, pack: str) -> Iterator[tuple[str, bytes]]:
    """The pictures of a Parquet file or tar, one after the other: the metadata's `image` and the file's bytes."""
    rows = _parquet_rows if pack.endswith(".parquet") else _tar_rows
    return ((f"{pack}#{name}", picture) for name, picture in rows(storage, pack))


def _parquet_rows(storage: Storage, path: str) -> Iterator[tuple[str, bytes]]:
    with storage.open(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(_BATCH, columns=["image"]):
            for row in batch.to_pylist():
                yield row["image"]["path"], row["image"]["bytes"]


def _tar_rows(storage: Storage, path: str) -> Iterator[tuple[str, bytes]]:
    with storage.open(path) as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                yield member.name, content.read()
