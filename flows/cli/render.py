"""The commands `imagemill render` and `imagemill inspect`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.carry_out import full_job, plan_or_run
from flows.cli.groups import INPUT, OUTPUT, RUN, grouped
from flows.jobs.render import RenderJob, RenderOptions

grouped(RenderOptions)


def render(
    prompts: Annotated[str | None, Parameter(group=INPUT)] = None,
    *,
    job: Annotated[Path | None, Parameter(group=INPUT)] = None,
    out: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    dry_run: Annotated[bool, Parameter(negative=(), group=RUN)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), group=RUN)] = False,
    options: Annotated[RenderOptions | None, Parameter(name="*")] = None,
) -> int:
    """Render prompts into a run folder. Running the same command again resumes where it stopped.

    Parameters
    ----------
    prompts
        Parquet, CSV, TSV, JSON or one text per line, also compressed; a file, a folder or a glob, local, s3:// or
        https://; `-` for standard input; or a text itself.
    out
        The run folder, local or s3://.
    job
        A YAML file with any of these options (and prompts, out); the command line takes precedence.
    dry_run
        Print the plan and write nothing.
    as_json
        Print the summary, or the plan, as JSON.
    """
    values = {"prompts": prompts, "out": out, **(options or RenderOptions()).model_dump(exclude_unset=True)}
    full = full_job(RenderJob, job, values).dated(datetime.now(UTC))
    data = "flows.plans.dry_run:as_data"
    return plan_or_run(full, "flows.plans.render:Plan", "flows.render:render", dry_run, as_json, data)


def inspect(run: str, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """Show what a run folder holds, what is missing, and why rows failed.

    Parameters
    ----------
    run
        The run folder, local or s3://.
    as_json
        Print it as JSON.
    """
    from flows.engine.inspection import inspect_run

    inspection = inspect_run(run)
    print(inspection.model_dump_json() if as_json else "\n".join(inspection.lines()))
    return inspection.exit_code
