"""What is wrong with an option is said in its own words, not in pydantic's."""

import pytest
from pydantic import ValidationError

from flows.cli.sentences import sentence
from flows.jobs.series import SeriesJob


def test_what_is_wrong_within_a_list_is_told_once_and_by_its_place() -> None:
    with pytest.raises(ValidationError) as error:
        SeriesJob(subjects=["a boat", 42], out="run", seed=-1)
    assert sentence(error.value).splitlines() == [
        "--seed: input should be greater than or equal to 0 (given: -1)",
        "--subjects.1: input should be a valid string (given: 42)",
    ]
