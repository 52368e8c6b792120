"""The comparison of `--retain` with the standard's table: a difference without a reason is told."""

import json
from pathlib import Path

import pytest
from pydicom.datadict import keyword_for_tag

from benchmarks.retained import COLUMNS, NOT_KEPT, main
from tasks.dicom.retain import kept_tags


def table(path: Path, without: str = "") -> str:
    """A table that says what is kept, but for one element."""
    rows = [
        {"id": f"{int(tag):08X}", column: "K"}
        for option, column in COLUMNS.items()
        for tag in kept_tags([option])
        if keyword_for_tag(tag) != without
    ]
    path.write_text(json.dumps([*rows, {"id": "00100020", "rtnPatCharsOpt": "C"}]))
    return str(path)


def test_what_the_table_does_not_keep_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as same:
        main(table(tmp_path / "same.json"))
    assert same.value.code == 0
    with pytest.raises(SystemExit) as differs:
        main(table(tmp_path / "less.json", without="PlateID"))
    assert differs.value.code == 1
    assert "kept, not in the table: PlateID" in capsys.readouterr().out


def test_what_is_not_kept_for_a_reason_is_not_kept() -> None:
    for option, names in NOT_KEPT.items():
        assert not names & {keyword_for_tag(tag) for tag in kept_tags([option])}
