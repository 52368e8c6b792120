"""Export: a folder a platform, with a manifest; of a reviewed run only what was approved."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.campaign.export import export_ads
from tasks.campaign.shard_state import METADATA
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage


@pytest.fixture
def run(tmp_path: Path) -> Storage:
    """A run of three ads in two shards."""
    storage = Storage(str(tmp_path / "run"))
    record = {"flow": "campaign", "job": {}, "input": {"rows": 3}, "encoder": None, "shard_size": 2, "shards": 2}
    open_record(storage, {**record, "generator": {"name": "x", "digest": "0"}}, True)
    ads = [("lampe groß_zh", "wechat", 0), ("lamp_en", "meta", 0), ("lamp_zh", "meta", 1)]
    for shard in (0, 1):
        rows = [
            {"id": id, "platform": platform, "image": f"images/{number:05d}/{id}.jpg", "language": id[-2:]}
            for id, platform, number in ads
            if number == shard
        ]
        storage.write_many({row["image"]: row["id"].encode() for row in rows})
        path = tmp_path / f"run/metadata/{shard:05d}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=METADATA), path)
    return storage


def test_a_folder_a_platform_with_its_manifest(run: Storage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export_ads(run, Storage(str(out)), False) == {"meta": 2, "wechat": 1}
    assert {str(path.relative_to(out)) for path in out.rglob("*.jpg")} == {
        "meta/lamp_en.jpg",
        "meta/lamp_zh.jpg",
        "wechat/lampe groß_zh.jpg",
    }
    assert (out / "meta/lamp_zh.jpg").read_bytes() == b"lamp_zh"
    (line,) = csv.DictReader((out / "wechat/manifest.csv").open(encoding="utf-8"))
    assert (line["file"], line["utm_content"], line["language"]) == ("lampe groß_zh.jpg", "lampe-gro-_zh", "zh")


def test_only_what_was_approved(run: Storage, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no review of this run"):
        export_ads(run, Storage(str(tmp_path / "out")), True)
    verdicts = {"id": ["lamp_en", "lamp_zh"], "verdict": ["approve", "reject"]}
    (tmp_path / "run/reviews.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=r"reviews.parquet: no Parquet file \(.*review the run again"):
        export_ads(run, Storage(str(tmp_path / "out")), True)
    pq.write_table(pa.table(verdicts), tmp_path / "run/reviews.parquet")
    assert export_ads(run, Storage(str(tmp_path / "out")), True) == {"meta": 1}
    assert [path.name for path in (tmp_path / "out").rglob("*.jpg")] == ["lamp_en.jpg"]


def test_a_run_that_is_not_complete_or_no_campaign(run: Storage, tmp_path: Path) -> None:
    (tmp_path / "run/metadata/00001.parquet").unlink()
    with pytest.raises(BadInput, match="1 of 2 shards are not done"):
        export_ads(run, Storage(str(tmp_path / "out")), False)
    with pytest.raises(BadInput, match="there is no campaign here"):
        export_ads(Storage(str(tmp_path)), Storage(str(tmp_path / "out")), False)
