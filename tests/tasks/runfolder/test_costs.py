from pathlib import Path

import pytest

from tasks.runfolder.costs import add_cost, total_cost
from tasks.runfolder.storage import Storage


def test_what_several_worked_on_a_run_adds_up(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    assert total_cost(out) is None
    add_cost(out, 1800, 2.0, 100)
    add_cost(out, 3600, 3.0, 100)
    assert total_cost(out) == pytest.approx(4.0)
