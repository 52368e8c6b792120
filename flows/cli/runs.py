"""The commands `runs` and `clean`.

imagemill runs s3://bucket/runs
imagemill clean s3://bucket/runs --older-than 30d            # says what would go
imagemill clean s3://bucket/runs --older-than 30d --delete
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from flows.jobs.service import seconds_of
from flows.lanes.patience import told
from tasks.runfolder.errors import BadInput
from tasks.runfolder.run_folders import RunFolder, delete_run, find_runs


def runs(folder: str, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """List all run folders at or below a place, with state, pictures, quarantined rows, age and cost.

    Parameters
    ----------
    folder
        A folder, local or s3://.
    as_json
        Print one JSON object a run.
    """
    found = list(find_runs(folder))
    if as_json:
        for run in found:
            print(json.dumps({"state": run.state, **asdict(run)}, default=str))
        return 0
    table = Table(box=None, header_style="bold")
    for name in ("run", "state", "rows", "pictures", "quarantined", "age", "cost"):
        table.add_column(name, justify="left" if name in {"run", "state"} else "right", no_wrap=name == "run")
    for run in found:
        cost = "" if run.cost is None else f"{run.cost:,.2f}"
        counts = (f"{run.rows:,}", f"{run.pictures:,}", f"{run.quarantined:,}")
        table.add_row(run.url, _state(run), *counts, told(_age(run)), cost)
    Console(width=None if Console().is_terminal else 200).print(table)
    return 0


def clean(
    folder: str,
    *,
    older_than: str | None = None,
    incomplete: Annotated[bool, Parameter(negative=())] = False,
    delete: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Delete run folders; without --delete it only says which.

    Only what a run has written is deleted, never one that is being worked on.

    Parameters
    ----------
    folder
        A folder, local or s3://, at or below which the runs are.
    older_than
        Only runs in which nothing was completed for so long (30d, 12h).
    incomplete
        Only runs that are not complete.
    delete
        Delete them.
    """
    if older_than is None and not incomplete:
        raise BadInput("give --older-than, --incomplete or both: which runs are to go.")
    try:
        least = seconds_of(older_than) if older_than else 0
    except ValueError as error:
        raise BadInput(f"--older-than: {error}") from error
    count = 0
    for run in list(find_runs(folder)):
        if run.running or _age(run) < least or (incomplete and run.state != "incomplete"):
            continue
        count += 1
        line = f"{run.url}  {_state(run)}, {run.pictures:,} pictures, {told(_age(run))} old"
        left = delete_run(run.url) if delete else []
        stays = f"; not of the run, and still there: {', '.join(left)}" if left else ""
        print(f"{'deleted' if delete else 'would delete'}  {line}{stays}")
    print(f"{count} runs {'deleted' if delete else 'would be deleted; add --delete'}")
    return 0


def _age(run: RunFolder) -> float:
    return max(0.0, (datetime.now(UTC) - run.changed).total_seconds())


def _state(run: RunFolder) -> str:
    return f"{run.state} {run.shards_complete}/{run.shards}" if run.state in {"incomplete", "running"} else run.state
