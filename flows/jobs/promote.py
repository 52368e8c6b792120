"""The job of `imagemill promote`: a model to put to use if people would prefer it."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from flows.jobs.local import Local, Place
from flows.jobs.render import at_day
from flows.jobs.strict import StrictJob


class PromoteOptions(BaseModel):
    """What the comparison is made with."""

    over: str | None = None
    """The model to be better than; by default the one that the folder points to, and `default` at first."""
    runs: str | None = None
    """A folder of runs: the reward model is trained anew on all their votes first, into --reward."""
    scenes: Annotated[int, Field(ge=20)] = 200
    """Held-out sentences that both make a picture of."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of sentences."""
    device: str = "cpu"
    """Where the generators run."""


class PromoteJob(StrictJob, PromoteOptions):
    """Puts a model to use if people prefer its pictures to those of the one in use, and the judge sees no less."""

    candidate: Place
    """The generator to put to use; {date} is the day."""
    to: Local
    """The folder that points to the model in use; give it wherever a generator is asked for."""
    reward: Place
    """The reward model of `imagemill train reward`; {date} is the day."""
    dataset: Place
    """Data set whose held-out scenes are asked for, from `imagemill dataset emoji`."""

    def dated(self, day: date) -> "PromoteJob":
        """The job with `{date}` in its paths filled in."""
        return self.model_copy(update={name: at_day(getattr(self, name), day) for name in ("candidate", "reward")})
