"""Whose pictures stand beside whose, and by how much figures differ."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli.of_run import report
from tasks.report.beside import read_beside
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tests.tasks.report.test_page import Page, unpack
from tests.tasks.run_folder import make_run, picture_id


def changed(run: Path, name: str, change: Callable[[list[object]], list[object]]) -> None:
    path = run / "metadata/00000.parquet"
    table = pq.read_table(path)
    known = table[name].to_pylist() if name in table.column_names else [None] * len(table)
    table = table.drop_columns([name]) if name in table.column_names else table
    pq.write_table(table.append_column(name, pa.array(change(known))), path)


def names(images: list[str]) -> list[str]:
    return [Path(image).stem for image in images]


def test_partners_are_parents_or_have_the_same_id_or_text(tmp_path: Path) -> None:
    one, two = (make_run(tmp_path / name, 12, picture=None) for name in ("one", "two"))
    same = read_beside(Storage(str(one)), Storage(str(two)), 10)
    assert names(same.images) == [picture_id(row) for row in range(10)]
    assert same.changes == []
    changed(one, "id", lambda ids: [f"other-{id}" for id in ids])
    changed(two, "brightness", lambda values: [value + 0.25 for value in values])  # type: ignore[operator]
    by_text = read_beside(Storage(str(one)), Storage(str(two)), 12)
    assert names(by_text.images) == [picture_id(row) for row in range(12)], "the first of a text by the first of it"
    assert [change.name for change in by_text.changes] == ["change of brightness"]
    assert unpack(by_text.changes[0].packed)[0]["values"] == pytest.approx([-0.25] * 12)
    changed(one, "parent", lambda _: [picture_id(11 - row) if row else "nobody" for row in range(12)])
    by_parent = read_beside(Storage(str(one)), Storage(str(two)), 12)
    assert names(by_parent.images) == ["", *(picture_id(11 - row) for row in range(1, 12))]


def test_a_command_writes_the_page_with_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (make_run(tmp_path / "runs" / name, 3) for name in ("one", "two"))
    assert report(str(one), compare=str(two)) == 0
    page = Page(Path(capsys.readouterr().out.strip()).read_text("utf-8"))
    (told,) = unpack(page.scripts["beside"][0])
    assert (told["name"], told["folder"]) == ("two", "../../two")
    assert len(page.scripts["beside-thumbnails"][0].split()) == 3
    with pytest.raises(BadInput, match="no run here to compare with"):
        report(str(one), compare=str(tmp_path))
