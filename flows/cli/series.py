"""The command `imagemill series`.

imagemill series series.yaml --out run
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from flows.cli.carry_out import full_job, plan_or_run
from flows.jobs.series import SeriesJob, SeriesOptions


def series(
    job: Path | None = None,
    *,
    out: str | None = None,
    subjects: list[str] | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[SeriesOptions | None, Parameter(name="*")] = None,
) -> int:
    """Make pictures of many subjects in one style. Running the same command again resumes where it stopped.

    Parameters
    ----------
    job
        A YAML file with subjects, style and any option; its paths are relative to it. The command line
        takes precedence.
    out
        The run folder, local or s3://.
    subjects
        Subjects, each as an option of its own, instead of those of the file.
    dry_run
        Print the plan and write nothing.
    as_json
        Print the summary as JSON.
    """
    values = {"out": out, "subjects": subjects, **(options or SeriesOptions()).model_dump(exclude_unset=True)}
    full = full_job(SeriesJob, job, values, _beside(job)).dated(datetime.now(UTC))
    return plan_or_run(full, "flows.plans.series:SeriesPlan", "flows.series:series", dry_run, as_json)


def _beside(job: Path | None) -> Any:
    """What makes the paths of a YAML file relative to it, and names the series by it."""

    def moved(path: str) -> str:
        beside = job is not None and "://" not in path and (job.parent / path).is_file()
        return str(job.parent / path) if job is not None and beside else path

    def resolved(values: dict[str, Any]) -> dict[str, Any]:
        named = {"name": job.stem} if job is not None else {}
        for name in ("subjects", "reference"):
            if isinstance(values.get(name), str):
                named[name] = moved(values[name])
        palette = values.get("palette")
        if isinstance(palette, str | list):
            named["palette"] = [moved(str(one)) for one in ([palette] if isinstance(palette, str) else palette)]  # type: ignore[assignment]
        return values | {key: value for key, value in named.items() if key != "name" or "name" not in values}

    return resolved
