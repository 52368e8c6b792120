"""The commands `reprocess`, `locate` and `verify`.

imagemill reprocess s3://hospital/archive --out s3://research/run --enhance denoise:0.3
imagemill locate s3://hospital/archive 17 203 --run s3://research/run
imagemill verify s3://research/run --against s3://hospital/archive
"""

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.carry_out import full_job, plan_or_run
from flows.jobs.reprocess import ReprocessJob, ReprocessOptions


def reprocess(
    archive: str | None = None,
    *,
    out: str | None = None,
    job: Path | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[ReprocessOptions | None, Parameter(name="*")] = None,
) -> int:
    """Enhance and de-identify an archive of pictures into a run folder. Running the command again resumes.

    Parameters
    ----------
    archive
        A folder, local or s3://, with DICOM, PNG, TIFF, JPEG, WebP or JPEG XL at any depth.
    out
        The run folder, local or s3://.
    job
        A YAML file with any of these options (and archive, out); the command line takes precedence.
    dry_run
        Print the plan and write nothing.
    as_json
        Print the summary as JSON.
    """
    values = {"archive": archive, "out": out, **(options or ReprocessOptions()).model_dump(exclude_unset=True)}
    full = full_job(ReprocessJob, job, values).dated(datetime.now(UTC))
    plan, flow = "flows.plans.reprocess:ReprocessPlan", "flows.reprocess:reprocess_archive"
    return plan_or_run(full, plan, flow, dry_run, as_json)


def locate(archive: str, rows: Annotated[list[int], Parameter(negative=())], *, run: str) -> int:
    """Print which files of an archive are at these rows of a run; the results name files only by row.

    Refused if the archive is no longer as the run found it, since rows are other files then.

    Parameters
    ----------
    archive
        The archive as it was reprocessed.
    rows
        Rows, as in metadata and quarantine.
    run
        The run folder, local or s3://.
    """
    from flows.plans.reprocess import as_reprocessed

    with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
        paths = as_reprocessed(archive, run, Path(spool)).locate(set(rows))
    for row in rows:
        print(f"{row}  {paths.get(row, 'there is no such row')}")
    return 0 if len(paths) == len(set(rows)) else 2


def verify(
    run: str,
    *,
    against: str,
    pixels: bool = True,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Search every byte of a run's results for every identifier of the archive it was made from.

    Says in how many files none of how many was found, or where; never what. Exit code 1 if something was found.

    Parameters
    ----------
    run
        The run folder of `imagemill reprocess`, local or s3://.
    against
        The archive as it was reprocessed.
    pixels
        Also read what is written among the pixels of the results.
    as_json
        Print it as JSON.
    """
    from flows.plans.reprocess import as_reprocessed
    from tasks.dicom.retain import kept_tags
    from tasks.runfolder.record import read_record
    from tasks.runfolder.storage import Storage
    from tasks.verification.search import Search
    from tasks.verification.verify import read_identifiers
    from tasks.verification.verify import verify as verified

    with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
        archive = as_reprocessed(against, run, Path(spool))
        retain = (read_record(Storage(run)) or {})["job"].get("retain", [])
        found = read_identifiers(archive, kept_tags(retain))
    told = verified(Search(found), Storage(run), pixels, "dates" in retain)
    print(json.dumps(asdict(told)) if as_json else "\n".join(told.lines()))
    return 1 if told.found else 0
