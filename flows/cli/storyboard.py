"""The command `imagemill storyboard`.

imagemill storyboard script.fountain --out run
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.carry_out import full_job, plan_or_run
from flows.jobs.storyboard import StoryboardJob, StoryboardOptions


def storyboard(
    script: str | None = None,
    *,
    out: str | None = None,
    job: Path | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[StoryboardOptions | None, Parameter(name="*")] = None,
) -> int:
    """Make a picture for every panel of a script. Running the same command again resumes where it stopped.

    Parameters
    ----------
    script
        The script: Fountain, Final Draft, Markdown or a table (.fountain, .fdx, .md, .csv), local or s3://.
    out
        The run folder, local or s3://.
    job
        A YAML file with any of these options (and script, out); the command line takes precedence.
    dry_run
        Print scenes, panels and characters, and write nothing.
    as_json
        Print the summary as JSON.
    """
    values = {"script": script, "out": out, **(options or StoryboardOptions()).model_dump(exclude_unset=True)}
    full = full_job(StoryboardJob, job, values).dated(datetime.now(UTC))
    plan, flow = "flows.plans.storyboard:StoryboardPlan", "flows.storyboard:storyboard"
    return plan_or_run(full, plan, flow, dry_run, as_json)
