"""The job of `imagemill evaluate`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import BaseModel, Field

from flows.jobs.local import Local
from flows.jobs.strict import StrictJob
from models.judge.model import WEIGHTS


class EvaluateOptions(BaseModel):
    """How many questions are asked, and by which judge."""

    judge: Annotated[Path, Parameter(show_default=False)] = WEIGHTS
    """Checkpoint of the judge, from `imagemill train judge`; by default the one in this package."""
    names: Annotated[int, Field(ge=1)] = 200
    """Questions in each group: exact names and paraphrases, in English and in Chinese."""
    scenes: Annotated[int, Field(ge=4)] = 300
    """Sentences about scenes."""
    seeds: Annotated[int, Field(ge=2)] = 4
    """Pictures per sentence, to measure variety."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of questions and of the pictures."""


class EvaluateJob(StrictJob, EvaluateOptions):
    """Judges generators by their pictures."""

    generators: list[str]
    """Generators: `default` or checkpoint folders."""
    dataset: str
    """Data set whose names, paraphrases and held-out scenes are the questions."""
    out: Local
    """Folder for the table and the grids."""


class EvaluateSummary(BaseModel):
    """Figures by column: first the data set's own pictures, which show how good the judge is, then each generator."""

    out: Path
    figures: dict[str, dict[str, float]]
