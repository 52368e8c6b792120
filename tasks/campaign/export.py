"""Export: the ads of a run, or those that a review approved, in a folder a platform with a manifest each."""

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.messages import one_line
from tasks.runfolder.completed import complete_shards
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import check_outside, read_record
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.tables import read_table

REVIEWS = "reviews.parquet"
"""In the run folder: columns `id` and `verdict`, of which `approve` is exported."""
MANIFEST = "manifest.csv"
COLUMNS = ("file", "placement", "language", "product", "audience", "width", "height", "bytes", "sha256", "utm_content")


def export_ads(run: Storage, to: Storage, approved_only: bool) -> dict[str, int]:
    """Copies ads to `PLATFORM/NAME`, and writes a manifest for each platform; how many by platform.

    Files that are there already with the same size are written again: the same command gives the same folder.

    Raises:
        BadInput: there is no complete campaign in the folder, no review of it, or `to` lies in it.
        StorageError: something could not be read or written.
    """
    record = read_record(run)
    if record is None or record.get("flow") != "campaign":
        raise BadInput(f"{run.url()}: there is no campaign here; give the folder of `imagemill campaign --out`.")
    check_outside(to, run)
    done = sorted(complete_shards(run))
    if len(done) < record["shards"]:
        raise BadInput(
            f"{run.url()}: {record['shards'] - len(done)} of {record['shards']} shards are not done; run the campaign "
            "again to complete it."
        )
    approved = _approved(run) if approved_only else None
    manifests: dict[str, list[dict[str, Any]]] = {}
    for shard in done:
        rows = [row for row in _ads(run, shard) if approved is None or row["id"] in approved]
        paths = {row["image"]: f"{row['platform']}/{PurePosixPath(row['image']).name}" for row in rows}
        if rows:
            content = run.read_many(list(paths))
            to.write_many({paths[path]: data for path, data in content.items()})
        for row in rows:
            manifests.setdefault(row["platform"], []).append(_line(row))
    for platform, lines in manifests.items():
        to.write(f"{platform}/{MANIFEST}", _csv(lines))
    return {platform: len(lines) for platform, lines in sorted(manifests.items())}


def _ads(run: Storage, shard: str) -> Iterator[dict[str, Any]]:
    yield from read_table(run, f"metadata/{shard}.parquet").to_pylist()


def _approved(run: Storage) -> set[str]:
    """The ids of the approved ads."""
    if not run.exists(REVIEWS):
        raise BadInput(f"{run.url(REVIEWS)}: there is no review of this run; review it first, or drop --approved.")
    try:
        table = pq.read_table(io.BytesIO(run.read(REVIEWS)))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, StorageError):
            raise
        raise BadInput(f"{run.url(REVIEWS)}: no Parquet file ({one_line(error)}); review the run again.") from error
    lacking = {"id", "verdict"} - set(table.column_names)
    if lacking:
        raise BadInput(f"{run.url(REVIEWS)}: column {min(lacking)!r} is missing; it is no review.")
    pairs = zip(table["id"].to_pylist(), table["verdict"].to_pylist(), strict=True)
    return {id for id, verdict in pairs if verdict == "approve"}


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the manifest; `utm_content` is the name in characters that need no escaping in a link."""
    name = PurePosixPath(row["image"]).name
    utm = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in row["id"]).lower()
    return {**{column: row.get(column) for column in COLUMNS}, "file": name, "utm_content": utm}


def _csv(lines: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode("utf-8")
