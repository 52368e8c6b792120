"""An empty path, as of a variable that is not set, is no job's: it would be the current folder or the root."""

import pytest
from pydantic import ValidationError

from flows.cli.sentences import sentence
from flows.jobs.dataset import CollectJob, EmojiDatasetJob
from flows.jobs.train import DenoiserJob, GanJob, VaeJob


@pytest.mark.parametrize(
    ("job", "given", "words"),
    [
        (EmojiDatasetJob, {"out": ""}, "--out: is empty"),
        (EmojiDatasetJob, {"out": "s3://bucket/x"}, "must be a folder on this machine"),
        (CollectJob, {"path": "pictures", "out": "", "licence": "CC0"}, "out is missing; give it as --out"),
        (CollectJob, {"path": "", "out": "set", "licence": "CC0"}, "path is missing; give it as PATH"),
        (VaeJob, {"dataset": "set", "out": ""}, "--out: is empty"),
        (VaeJob, {"dataset": "", "out": "model"}, "dataset is missing"),
        (GanJob, {"dataset": "", "out": "model"}, "dataset is missing"),
        (DenoiserJob, {"archive": "", "out": "model"}, "archive is missing"),
    ],
)
def test_an_empty_path_is_refused(job: type, given: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        job(**given)
    assert words in sentence(error.value)
