"""The command `adjust`.

imagemill adjust RUN --instruction "a bit warmer, at sunset" --out RUN2
imagemill adjust --instructions instructions.txt --dry-run --json
"""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from flows.cli.carry_out import full_job, plan_or_run
from flows.jobs.adjust import AdjustJob, AdjustOptions
from tasks.runfolder.errors import BadInput


def adjust(
    source: str | None = None,
    *,
    out: str | None = None,
    job: Path | None = None,
    instructions: str | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[AdjustOptions | None, Parameter(name="*")] = None,
) -> int:
    """Adjust pictures by an instruction in English or Chinese. Running the same command again resumes.

    Parameters
    ----------
    source
        A run folder, a folder of pictures, or a table (Parquet, CSV, JSON) with a column image, local or s3://.
    out
        The run folder, local or s3://.
    job
        A YAML file with any of these options (and source, out); the command line takes precedence.
    instructions
        With --dry-run: a file of instructions (a column instruction, or one a line) to be understood, without pictures.
    dry_run
        Print what is understood of every row, and write nothing.
    as_json
        Print the plans, or the summary, as JSON.
    """
    given = (options or AdjustOptions()).model_dump(exclude_unset=True)
    with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
        if instructions is not None:
            if not dry_run or source is not None:
                raise BadInput(
                    "--instructions is for --dry-run without pictures; to adjust some, give a table with columns image "
                    "and instruction."
                )
            from flows.plans.adjust import read_instructions

            return _print((plan.as_dict() for plan in read_instructions(instructions, Path(spool))), as_json)
        if dry_run and source is None and job is None and given.get("instruction"):
            from tasks.adjust.reader import read_instruction

            return _print(iter([read_instruction(given["instruction"]).as_dict()]), as_json)
        full = full_job(AdjustJob, job, {"source": source, "out": out, **given}).dated(datetime.now(UTC))
        if dry_run:
            from flows.plans.adjust import AdjustingPlan

            return _print(AdjustingPlan(full, Path(spool)).understood(), as_json)
    return plan_or_run(full, "flows.plans.adjust:AdjustingPlan", "flows.adjust:adjust", False, as_json)


def _print(plans: Iterator[dict[str, Any]], as_json: bool) -> int:
    """Prints plans one a line, or as one JSON list."""
    from tasks.adjust.plan import AdjustPlan, PlanStep

    if as_json:
        print(json.dumps(list(plans), ensure_ascii=False))
        return 0
    for row in plans:
        steps = tuple(PlanStep(**step) for step in row["plan"])
        plan = AdjustPlan(row["instruction"], steps, row["refused"])
        print(f"{row['id']}  " if "id" in row else "", f"{row['instruction']}  ->  {plan}", sep="")
    return 0
