"""What `imagemill evaluate` is asked to do."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import BaseModel, Field

from flows.jobs.local import Local
from flows.jobs.strict import StrictJob
from models.judge.model import WEIGHTS


class EvaluateOptions(BaseModel):
    """How much is asked, and who judges."""

    judge: Annotated[Path, Parameter(show_default=False)] = WEIGHTS
    """Checkpoint of the judge; by default the one in this package, of `imagemill train judge`."""
    names: Annotated[int, Field(ge=1)] = 200
    """Questions of each group: exact names and paraphrases in English and in Chinese."""
    scenes: Annotated[int, Field(ge=4)] = 300
    """Sentences about scenes."""
    seeds: Annotated[int, Field(ge=2)] = 4
    """Pictures of one sentence, for the variety."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides which questions are drawn, and the pictures."""


class EvaluateJob(StrictJob, EvaluateOptions):
    """What `imagemill evaluate` does."""

    generators: list[str]
    """Generators: `default`, or checkpoints' folders."""
    dataset: str
    """The data set whose names, paraphrases and held-out scenes are asked for."""
    out: Local
    """Folder for the table and the grids."""


class EvaluateSummary(BaseModel):
    """One column of figures a generator, the first for the data set's own pictures: what the judge itself is worth."""

    out: Path
    figures: dict[str, dict[str, float]]
