import json
import logging
from collections.abc import Iterator

import pytest

from flows.lanes.log_lines import tell_on_stderr, use


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = use([])
    yield
    use(before)


def test_a_person_is_told_warnings_and_progress(capsys: pytest.CaptureFixture[str]) -> None:
    tell_on_stderr("text")
    logging.getLogger("imagemill.run").info("3 rows to do")
    logging.getLogger("imagemill.store").warning("waiting")
    logging.getLogger("imagemill.progress").info("1/3 rows")
    assert capsys.readouterr().err == "waiting\n1/3 rows\n"


def test_a_machine_is_told_all_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    tell_on_stderr("json")
    logging.getLogger("imagemill.run").info("%s rows to do", "3", extra={"fields": {"rows": 3}})
    logging.getLogger("imagemill.store").warning("waiting\nfor 海")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["message"], first["rows"]) == (
        "info",
        "imagemill.run",
        "3 rows to do",
        3,
    )
    assert first["time"].endswith("+00:00")
    assert second["message"] == "waiting\nfor 海"
