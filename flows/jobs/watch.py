"""The job of `watch`: a place where prompts files arrive, and what is done with each."""

from typing import Any

from pydantic import Field

from flows.jobs.local import Place
from flows.jobs.service import Duration
from flows.jobs.strict import StrictJob


class WatchJob(StrictJob):
    """Prompts files that arrive in, a run for each out."""

    inbox: Place
    """The folder, local or s3://, in which prompts files arrive."""
    out: Place
    """The folder, local or s3://, for the run folders, each named after its file."""
    deployment: str = "render/nightly"
    """The deployment that makes the runs."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of these runs, as in a job of `render`; the rest is the deployment's own."""
    settled: Duration = "30s"
    """How long a file must have been left alone: it may still be being written."""
