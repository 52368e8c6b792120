"""What is certain of a job before Prefect's server and the models are there: refusals, and that nothing is left to do.

Nothing here takes the place of the plan's own checks, which know more. It spares the wait for what is certain by now.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from flows.engine.summary import Summary
from flows.jobs.render import RenderJob, RunOptions
from flows.jobs.service import ServiceOptions
from models.weight_files import DEFAULT, digest
from tasks.prompts.listing import list_prompts
from tasks.prompts.prompt_files import find_input
from tasks.prompts.whole_input import Input
from tasks.runfolder.completed import complete_shards, read_outcomes, shard_names
from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import check_free
from tasks.runfolder.record import check_same, read_record
from tasks.runfolder.storage import Storage, StorageError

SMALL = 8_000_000  # bytes of prompts in another format than Parquet, which are read here and by the plan again
REPORT = "report/index.html"


def refuse_early(job: RunOptions, out: str) -> None:
    """Raises BadInput if the job's options don't fit together, or others work in its folder."""
    try:
        job.checked()
        if not job.wait:
            check_free(Storage(out), job.role)
    except StorageError as error:
        raise BadInput(str(error)) if error.mendable else error from error


def finished_early(job: RenderJob) -> Summary | None:
    """The totals of a run that has nothing left to do; None if there is work, or it cannot be told yet.

    Raises:
        BadInput: the prompts cannot be read, or the run in the folder was made from others or with other options.
        StorageError: the store fails.
    """
    started = time.perf_counter()
    out = Storage(job.out)
    try:
        found = _found(job)
        known = read_record(out)
        if known is None:
            return None
        check_same(out, known, _expected(job, known, found), job.resume)
        if found is None or not _same_models(job, known):
            return None
        summary = _complete(job, out, known, found)
    except StorageError as error:
        raise BadInput(str(error)) if error.mendable else error from error
    if summary is not None:
        summary.seconds_start = time.perf_counter() - started
    return summary


def _found(job: RenderJob) -> Input | None:
    """The prompts, if they are on this machine and quickly read."""
    if "://" in job.prompts or job.only is not None:
        return None
    files = list_prompts(job.prompts, job.out).files
    if any(file.kind == "stream" for file in files):
        return None  # which can be read but once
    other = [file for file in files if file.kind not in {"parquet", "text"} or file.compression]
    if sum(Path(file.url).stat().st_size for file in other) > SMALL:
        return None
    with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
        return find_input(job.prompts, Storage(spool), job.text_column, job.out)


def _expected(job: RenderJob, known: dict[str, Any], found: Input | None) -> dict[str, Any]:
    """The record that the job would write, where it is known by now; else the folder's own."""
    unknown = {name: known["job"][name] for name in ("enhance files", "reward") if name in known["job"]}
    options = {name: value for name, value in job.shaping().items() if name != "reward"}
    record = {**known, "job": options | unknown}
    return record if found is None else {**record, "input": found.fingerprint(), "files": found.digests()}


def _same_models(job: RenderJob, known: dict[str, Any]) -> bool:
    """Whether the models are those of the folder's run, as far as that is known without loading any."""
    if job.generator != "default" or job.encoder is not None or job.reward is not None or known["job"].get("reward"):
        return False
    return not known["job"].get("enhance files") and known["generator"]["digest"] == digest(DEFAULT)


def _complete(job: RenderJob, out: Storage, known: dict[str, Any], found: Input) -> Summary | None:
    """The totals of the folder, if all of its shards are there and nothing else was asked for."""
    serving = job.model_dump(include=set(ServiceOptions.model_fields)) != ServiceOptions().model_dump()
    if serving or job.join or job.part[1] > 1 or (job.retry_quarantined and shard_names(out, "quarantine")):
        return None
    if job.report and not out.exists(REPORT):
        return None
    shards = complete_shards(out)
    if len(shards) != known["shards"]:
        return None
    left_out = found.left_out
    summary = Summary(out=out.url(), rows=found.rows, files=len(found.sources), files_left_out=left_out)
    for outcome in read_outcomes(out, shards):
        summary.add_earlier(outcome)
    if job.report:
        summary.report = out.url(REPORT)
    return summary
