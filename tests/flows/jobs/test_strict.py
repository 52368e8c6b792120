"""A misspelt option is refused wherever a job comes from, with the one that was meant."""

import pytest
from pydantic import BaseModel, ValidationError

from flows.jobs.render import RenderJob
from flows.jobs.reprocess import ReprocessJob
from flows.jobs.train import AutoencoderJob, FlowJob, GanJob, VaeJob

REQUIRED = {
    RenderJob: {"prompts": "a.parquet", "out": "run"},
    ReprocessJob: {"archive": "a", "out": "run"},
    VaeJob: {"dataset": "a", "out": "run"},
    AutoencoderJob: {"dataset": "a", "out": "run"},
    GanJob: {"dataset": "a", "out": "run"},
    FlowJob: {"dataset": "a", "out": "run"},
}


@pytest.mark.parametrize(("model", "given"), REQUIRED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_an_option_that_no_job_has_is_refused(model: type[BaseModel], given: dict[str, str]) -> None:
    assert model(**given)
    with pytest.raises(ValidationError, match="unknown option 'zzz'; --help lists them"):
        model(**given, zzz=1)
    assert model.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize(
    ("wrong", "meant"), [("max_failure", "max_failures"), ("max-failures", "max_failures"), ("Enhance", "enhance")]
)
def test_a_misspelt_option_is_told_with_the_one_that_was_meant(wrong: str, meant: str) -> None:
    with pytest.raises(ValidationError, match=f"unknown option '{wrong}'; did you mean '{meant}'?"):
        RenderJob(prompts="a.parquet", out="run", **{wrong: "5%"})
