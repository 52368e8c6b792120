import pytest
from pydantic import ValidationError

from flows.jobs.render import RenderJob
from flows.jobs.service import seconds_of


@pytest.mark.parametrize(
    ("told", "seconds"), [("30m", 1800), ("90s", 90), ("1.5h", 5400), ("2 d", 172_800), ("0", 0), ("0s", 0)]
)
def test_a_duration_is_a_number_and_a_unit(told: str, seconds: float) -> None:
    assert seconds_of(told) == seconds


@pytest.mark.parametrize("told", ["", "30", "m", "-5m", "5 weeks", "1m30s"])
def test_anything_else_is_refused_with_an_example(told: str) -> None:
    with pytest.raises(ValidationError, match="such as 30m"):
        RenderJob(prompts="a.parquet", out="run", store_patience=told)
