"""What commands that run a job have in common: the job from file and options, its plan or its run, the summary."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from rich.console import Console

from flows.engine import local_server
from flows.jobs.render import RenderJob
from flows.jobs.strict import unknown_option
from tasks.runfolder.errors import BadInput

if TYPE_CHECKING:
    from flows.engine.summary import Summary

Job = TypeVar("Job", bound=BaseModel)


def full_job(
    model: type[Job],
    file: Path | None,
    given: dict[str, Any],
    resolved: Callable[[dict[str, Any]], dict[str, Any]] = lambda values: values,
) -> Job:
    """The job from a YAML file's values (`resolved` by the command), overridden by those of the command line."""
    values: dict[str, Any] = {}
    if file is not None:
        from tasks.loading.yaml_files import load_yaml

        values = load_yaml(file) or {}
        if not isinstance(values, dict):
            raise BadInput(f"{file}: a job is a mapping of options to values; this is a {type(values).__name__}.")
    values = resolved(values) | {name: value for name, value in given.items() if value is not None}
    unknown = [name for name in values if name not in model.model_fields]
    if unknown:
        raise BadInput(f"{file}: {unknown_option(unknown[0], model.model_fields)}")
    return model(**values)


def plan_or_run(job: Any, plan: str, flow: str, dry_run: bool, as_json: bool, data: str | None = None) -> int:
    """Prints a job's plan, or carries it out; `plan` and `flow` are imported only when needed.

    What can be refused without Prefect and models is, unless a Prefect server of the user's is to be told of it.

    Args:
        data: makes data of a plan for --dry-run --json; by default that is what is printed without --json.
    """
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
            planned = resolve_name(plan)(job, Path(spool))
            print_described(resolve_name(data)(planned) if as_json and data else planned.described(), as_json)
        return 0
    if not local_server.is_elsewhere():
        from flows.plans.early import finished_early, refuse_early

        refuse_early(job, job.out)
        done = finished_early(job) if type(job) is RenderJob else None
        if done is not None:
            print(f"nothing to do: all of {done.rows:,} rows were done before", file=sys.stderr)
            print_summary(done, as_json)
            return done.exit_code
    local_server.configure()  # before Prefect is imported; the server starts during the other imports
    carry_out = resolve_name(flow)
    local_server.wait_for_server()
    summary: Summary = carry_out(job)
    print_summary(summary, as_json)
    return summary.exit_code


def print_described(described: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(described))
    else:
        width = max(map(len, described))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in described.items()))


def print_summary(summary: "Summary", as_json: bool) -> None:
    """Prints a run's totals and where its results are."""
    if as_json:
        print(summary.as_json())
        return
    Console().print(summary.as_table())
    print(f"pictures  {summary.out}/images\nmetadata  {summary.out}/metadata")
    if summary.report:
        print(f"report    {summary.report}")
    if summary.quarantined:
        failed = summary.failed[summary.quarantined > 1]
        print(f"{summary.quarantined} {failed}; `imagemill inspect {summary.out}` says why", file=sys.stderr)
