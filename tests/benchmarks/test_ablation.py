"""The ablation benchmark runs on a data set of a few shapes: every way is asked the same, every head is trained."""

from pathlib import Path

import pytest

from benchmarks.ablation import main
from tests.tiny import write_tiny


@pytest.mark.slow
def test_every_way_is_asked_the_same(tmp_path: Path) -> None:
    write_tiny(tmp_path / "dataset", scenes=240)
    main(tmp_path / "dataset", out=tmp_path / "out", names=2, scenes=4)
    told = (tmp_path / "out" / "ablation.md").read_text("utf-8")
    first, second = told.split("## ")[1:]
    assert "| data set | full text | content words | look-up alone |" in first
    assert "| tokens a sentence |" in first and "| composition, all |" in first
    assert [line.split(" | ")[0] for line in second.splitlines()[3:]] == [
        "| language model",
        "| bag of words",
        "| bag of letters",
    ]
    assert (tmp_path / "out" / "look-up alone" / "scenes.png").is_file()
