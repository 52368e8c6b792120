import pytest
from prefect.utilities.callables import parameter_schema

from flows.dataset import build_emoji_dataset, collect_dataset
from flows.evaluate import evaluate
from flows.render import render
from flows.reprocess import reprocess_archive
from flows.train import train_flow, train_vae


@pytest.mark.parametrize(
    ("flow", "first"),
    [
        (render, ["prompts", "out"]),
        (reprocess_archive, ["archive", "out"]),
        (train_vae, ["dataset", "out"]),
        (train_flow, ["dataset", "out"]),
        (evaluate, ["generators", "dataset", "out"]),
        (build_emoji_dataset, ["out"]),
        (collect_dataset, ["path", "out"]),
    ],
)
def test_the_form_begins_with_what_is_needed_and_explains_every_field(flow: object, first: list[str]) -> None:
    definitions = parameter_schema(flow).definitions  # type: ignore[arg-type]
    job = next(schema for name, schema in definitions.items() if name.endswith("Job"))
    names = list(job["properties"])
    assert sorted(names[: len(job["required"])]) == sorted(job["required"])
    assert set(first) & set(names[: len(first) + 1])
    unexplained = [name for name, field in job["properties"].items() if len(field.get("description", "")) < 10]
    assert unexplained == []


def test_nothing_that_only_tests_use_is_offered() -> None:
    assert "dummy" not in str(parameter_schema(render).definitions)
