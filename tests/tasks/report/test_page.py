"""The report as a file: what it counts, lists and embeds. How it behaves is tested in tests/integration."""

import base64
import errno
import gzip
import hashlib
import io
import json
import re
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.imaging.jxl import encode_jxl
from tasks.render.options import Layout
from tasks.report.data import _table
from tasks.report.page import write_report
from tasks.report.thumbnails import thumbnails
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tests.tasks.run_folder import make_run, picture_id

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!-- <script>",
    "\"quotes\" and 'more' &amp; \u2028 \u2029 ]]> ${title} $title",
    "😀 \u202e right to left \x00",
)


class Page(HTMLParser):
    """The scripts by id or class, and the text of everything else."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.scripts: dict[str, list[str]] = {}
        self.styles: list[str] = []
        self.policy = ""
        self.seen = ""
        self._into: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "script":
            self._into = self.scripts.setdefault(found.get("id") or found.get("class") or "code", [])
        elif tag == "style":
            self._into = self.styles
        elif found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        if self._into is not None:
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is None:
            self.seen += data
        else:
            self._into[-1] += data

    @property
    def facts(self) -> dict[str, str]:
        return dict(re.findall(r"<dt>(.*?)</dt><dd>([^<]*?)\s*<", self.text))

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return unpack(self.scripts["listing"][0])

    @property
    def thumbnails(self) -> list[str]:
        return self.scripts["thumbnails"][0].split()

    def column(self, name: str, kind: str = "pictures") -> list[Any]:
        return [value for block in self.blocks if kind in block for value in block[kind][name]]

    @property
    def details(self) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {}
        for script in self.scripts.get("details", []):
            for name, values in unpack(script)[0].items():
                columns.setdefault(name, []).extend(values)
        return columns


def unpack(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(base64.b64decode(text)).decode().strip().split("\n")]


def page_of(folder: Path) -> Page:
    assert write_report(Storage(str(folder))) == f"{folder}/report/index.html"
    return Page((folder / "report/index.html").read_text("utf-8"))


def test_facts_count_the_whole_run(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "beach", 25, shard=10, failures=[("preprocess", "The text is empty.", "")]))
    assert page.facts["Rows"] == "26"
    assert page.facts["Pictures"] == "25"
    assert page.facts["Quarantined"] == "1"
    assert float(page.facts["Pictures a second"]) > 0
    for fact in ("beach", "imagemill-vae", "0c11d2e3f4a5", "gemma3-270m/13", "a5fd3b62230a"):
        assert fact in page.seen
    assert page.blocks[-1] == {"counts": [25, 1]}


def test_texts_that_were_cut_are_counted_once_a_row_and_told_only_if_there_are_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", 8, shard=4)
    assert "Texts cut" not in page_of(run).facts
    for path in sorted((run / "metadata").glob("*.parquet")):
        table = pq.read_table(path)
        rows = table.set_column(table.column_names.index("row"), "row", pa.array([1, 1, 2, 3], pa.int64()))
        pq.write_table(rows.append_column("text_cut", pa.array([True, True, None, False])), path)
    assert page_of(run).facts["Texts cut"] == "2"
    monkeypatch.setattr("tasks.report.data.LISTED_PICTURES", 4)  # of the second shard only the counts are read
    assert page_of(run).facts["Texts cut"] == "2"


def test_row_with_three_pictures_and_a_failure_counts_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 4, failures=[("generate", "not a number", "a fox")])
    for part in ("metadata", "quarantine"):
        path = run / part / "00000.parquet"
        table = pq.read_table(path)
        rows = pa.array([3] * 1 if part == "quarantine" else [1, 3, 3, 3], pa.int64())
        pq.write_table(table.set_column(table.column_names.index("row"), "row", rows), path)
    assert page_of(run).facts["Rows"] == "2"


def test_listing_has_every_picture_in_order(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", 25, shard=10))
    assert page.column("row") == list(range(25))
    assert page.column("id") == [picture_id(row) for row in range(25)]
    assert page.column("text")[1].startswith("阳光明媚")
    assert page.column("language")[:2] == ["en", "zh"]
    assert page.column("image")[24].replace("\0", picture_id(24)) == f"images/00002/{picture_id(24)}.png"


def test_quarantined_rows_keep_stage_and_reason(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", 1, failures=[("preprocess", "The text is empty.", None)]))
    columns = {name: page.column(name, "quarantined") for name in ("row", "stage", "error", "text", "attempt")}
    assert columns == {
        "row": [1],
        "stage": ["preprocess"],
        "error": ["The text is empty."],
        "text": [None],
        "attempt": [1],
    }


def test_hostile_prompts_never_reach_the_parser(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run",
        5,
        prompts=HOSTILE,
        failures=[("generate", text, text) for text in HOSTILE],
        picture=None,
        carried={f'"><script>{HOSTILE[0]}': lambda row: HOSTILE[row]},
    )
    record = json.loads((run / "run.json").read_text())
    record["job"]["prompts"] = HOSTILE[1]
    record["generator"]["name"] = HOSTILE[0]
    (run / "run.json").write_text(json.dumps(record))
    timing = {"rows": 1, "pictures": 1, "seconds": {HOSTILE[1]: 1.0}}
    (run / "timings/00000.json").write_text(json.dumps(timing))
    page = page_of(run)
    assert set(page.scripts) == {"listing", "thumbnails", "details", "column", "code"}
    assert all(len(found) == 1 for name, found in page.scripts.items() if name != "column")
    assert "<img" not in page.text.replace(page.scripts["code"][0], "")
    assert "<script>alert" not in page.text
    assert page.column("text") == list(HOSTILE)
    assert page.column("error", "quarantined") == list(HOSTILE)


def test_policy_admits_only_this_script_and_style(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", 2))
    for directive, content in (("script-src", page.scripts["code"][0]), ("style-src", page.styles[0])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none'")
    assert "unsafe" not in page.policy and "http" not in page.policy
    assert not re.search(r"https?://", page.text)


def test_same_run_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", 30, shard=7, failures=[("write", "why", "text")])
    write_report(Storage(str(run)))
    first = (run / "report/index.html").read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)  # gzip, for one, would note the hour
    write_report(Storage(str(run)))
    assert (run / "report/index.html").read_bytes() == first


def test_report_in_an_object_store_is_the_local_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 3)
    remote = fsspec.filesystem("memory")
    remote.put(str(run), "/report-test/", recursive=True)
    try:
        assert write_report(Storage("memory://report-test/run")) == "memory://report-test/run/report/index.html"
        write_report(Storage(str(run)))
        assert remote.cat("/report-test/run/report/index.html") == (run / "report/index.html").read_bytes()
    finally:
        remote.rm("/report-test", recursive=True)


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_thumbnails_come_from_every_layout(tmp_path: Path, layout: Layout) -> None:
    def colour(row: int) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (400, 200), (10 * row, 0, 0)).save(out, "PNG")
        return out.getvalue()

    page = page_of(make_run(tmp_path / "run", 25, layout=layout, shard=10, picture=colour))
    assert len(page.thumbnails) == 25
    for row, small in enumerate(page.thumbnails):
        with Image.open(io.BytesIO(base64.b64decode(small))) as image:
            assert (image.format, image.size) == ("WEBP", (320, 160))
            assert abs(np.asarray(image.convert("RGB"))[80, 80, 0].item() - 10 * row) < 6


def test_jpeg_xl_has_thumbnails(tmp_path: Path) -> None:
    deep = np.full((40, 60, 3), 40_000, np.uint16)
    (tmp_path / "deep.jxl").write_bytes(encode_jxl(deep))
    (tmp_path / "plain.jxl").write_bytes(encode_jxl((deep >> 8).astype(np.uint8), b"MM\0*\0\0\0\x08\0\0\0\0\0\0"))
    (tmp_path / "cut.jxl").write_bytes(encode_jxl(deep)[:50])
    deep_one, plain, cut = thumbnails(Storage(str(tmp_path)), ["deep.jxl", "plain.jxl", "cut.jxl"], 30)
    assert cut is None
    assert deep_one is not None and deep_one == plain
    shown = Image.open(io.BytesIO(base64.b64decode(deep_one)))
    assert shown.size == (30, 20)
    assert np.abs(np.asarray(shown).astype(int) - 156).max() < 4


def test_pictures_retried_into_a_second_pack_are_found(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 4, layout="parquet")
    pack = pq.read_table(run / "images/00000.parquet")
    pq.write_table(pack.take([0, 2]), run / "images/00000.parquet")
    pq.write_table(pack.take([1, 3]), run / "images/00000-2.parquet")
    path = run / "metadata/00000.parquet"
    table = pq.read_table(path)
    images = [
        image.replace("00000", "00000-2") if row % 2 else image for row, image in enumerate(table["image"].to_pylist())
    ]
    pq.write_table(table.set_column(table.column_names.index("image"), "image", pa.array(images)), path)
    assert "-" not in page_of(run).thumbnails


def test_layout_without_pictures_embeds_none(tmp_path: Path) -> None:
    assert page_of(make_run(tmp_path / "run", 3, layout="dummy")).thumbnails == ["-"] * 3


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_missing_or_damaged_pictures_cost_only_their_thumbnails(tmp_path: Path, layout: Layout) -> None:
    run = make_run(tmp_path / "run", 4, shard=2, layout=layout)
    first, *_, last = sorted(path for path in (run / "images").rglob("*") if path.is_file())
    first.unlink()
    last.write_bytes(last.read_bytes()[:100])
    page = page_of(run)
    assert page.thumbnails.count("-") == (2 if layout == "files" else 4)
    assert page.facts["Pictures"] == "4"


def test_thumbnails_stop_at_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.report.page.EMBEDDED_BYTES", 2_000)
    page = page_of(make_run(tmp_path / "run", 20))
    assert 0 < len(page.thumbnails) < 20
    assert sum(map(len, page.thumbnails)) <= 2_000


def test_listing_stops_but_the_facts_count_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.report.data.LISTED_PICTURES", 12)
    monkeypatch.setattr("tasks.report.data.LISTED_QUARANTINED", 2)
    page = page_of(make_run(tmp_path / "run", 100, shard=5, failures=[("write", "why", "text")] * 3))
    assert page.column("row") == list(range(12))
    assert len(page.column("row", "quarantined")) == 2
    assert page.blocks[-1] == {"counts": [100, 3]}
    assert page.facts["Rows"] == "103"


def test_details_are_an_unbroken_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.report.data.DETAIL_BYTES", 5_000)
    page = page_of(make_run(tmp_path / "run", 200, shard=10))
    seeds = page.details["seed"]
    assert 0 < len(seeds) < 200
    assert seeds == [str(int(picture_id(row), 16) >> 1) for row in range(len(seeds))]
    assert len(page.column("row")) == 200


def test_details_show_carried_columns_of_any_type(tmp_path: Path) -> None:
    carried = {
        "campaign": lambda row: "</script>",
        "price": lambda row: Decimal("9.90"),
        "big": lambda row: 2**62 + 1,
        "ratio": lambda row: float("nan"),
        "when": lambda row: datetime(2026, 11, 23, 18, 30),
        "file": lambda row: b"abc",
        "nested": lambda row: {"a": [1, 2], "b": b"x"},
        "tags": lambda row: ["x", "y"],
        "live": lambda row: True,
        "gone": lambda row: None,
    }
    details = page_of(make_run(tmp_path / "run", 2, carried=carried)).details
    assert {name: details[name][0] for name in carried} == {
        "campaign": "</script>",
        "price": "9.90",
        "big": "4611686018427387905",
        "ratio": "nan",
        "when": "2026-11-23 18:30:00",
        "file": "3 bytes",
        "nested": '{"a": [1, 2], "b": "1 bytes"}',
        "tags": ["x", "y"],
        "live": "true",
        "gone": None,
    }
    assert details["brightness"][1] == "0.0103093"  # a float32, without the digits it does not have


def test_long_text_is_cut_in_the_listing_and_longer_in_the_details(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path / "run", 1, prompts=["x" * 50_000]))
    assert page.column("text") == ["x" * 1_000 + "…"]
    assert page.details["text"] == ["x" * 10_000 + "…"]


def test_timings_have_one_bar_a_shard_and_share_bars_when_many(tmp_path: Path) -> None:
    few = page_of(make_run(tmp_path / "few", 6, shard=2, picture=None))
    assert few.text.count('<svg role="img"') == 3
    assert 'aria-label="Shard 00001: read 4 ms, preprocess 8 ms, encode 36 ms, generate' in few.text
    many = page_of(make_run(tmp_path / "many", 100, shard=1, picture=None))
    assert many.text.count('<svg role="img"') == 12
    assert "the mean of 9 shards" in many.seen and "00000–00008" in many.seen


def test_run_without_rows_or_timings_still_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 1)
    for part in ("metadata", "timings"):
        next((run / part).iterdir()).unlink()
    page = page_of(run)
    assert page.facts["Rows"] == "0" and page.facts["Pictures a second"] == "–"
    assert "No timings were kept" in page.seen


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no run here \(no run.json\)"):
        write_report(Storage(str(tmp_path)))


@pytest.mark.parametrize("path", ["run.json", "metadata/00000.parquet", "timings/00000.json"])
def test_damaged_file_is_named(tmp_path: Path, path: str) -> None:
    run = make_run(tmp_path / "run", 1)
    (run / path).write_bytes(b"PAR1 {damaged")
    with pytest.raises(BadInput, match=path):
        write_report(Storage(str(run)))


def test_a_store_that_fails_while_a_table_is_counted_is_a_failure_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EREMOTEIO, "We encountered an internal error, please try again.")

    monkeypatch.setattr(Storage, "open", lambda self, path: Failing(b"PAR1" * 100))
    with pytest.raises(StorageError, match=r"storage failed \(We encountered an internal error") as failed:
        _table(Storage(str(tmp_path)), "metadata/00000.parquet", ["row"])
    assert failed.value.passing
