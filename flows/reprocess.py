"""Reprocess: an archive of pictures in, enhanced and de-identified ones out.

    imagemill reprocess s3://hospital/archive --out s3://research/run --enhance denoise:0.3

Every shard of the archive's files goes through the stages of `PIPELINE`, a window of shards at a time. The run folder
is the checkpoint, as with render. Prefect never sees a path within the archive, a value from a file or a library's
message: tasks are named by numbers, errors are our own sentences.
"""

from prefect import flow

from flows.engine.run_folder import dated, opened, title
from flows.engine.run_log import concluded
from flows.engine.window import carry_out
from flows.jobs.reprocess import ReprocessJob
from flows.lanes.patience import outlasting
from flows.lanes.pipeline import Stage, timed_names
from flows.plans.reprocess import ReprocessPlan
from flows.plans.reprocess_summary import ReprocessSummary
from flows.stages import reprocess as stages
from tasks.report.deidentification import write_deidentification
from tasks.report.page import write_report
from tasks.runfolder.storage import Storage

PIPELINE = (
    Stage("read", stages.read_files, stored=True),
    # File by file, so that only one file's pixels are in memory at a time.
    Stage("reprocess", stages.reprocess_files, times=("decode", "look", "enhance")),
    Stage("write", stages.write_files, stored=True),
)


def write_reports(out: Storage, keep_identity: bool) -> str:
    """The page of the pictures, after the one that says how they were de-identified."""
    if not keep_identity:
        write_deidentification(out)
    return write_report(out, timed_names(PIPELINE))


@flow(name="reprocess", flow_run_name=title, persist_result=False)
def reprocess_archive(job: ReprocessJob) -> ReprocessSummary:
    """Enhances the pictures of an archive into a run folder.

    Raises:
        BadInput: the job, its archive or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; running the same job again resumes.
        Stopped: more files failed than `max_failures` allows.
    """
    job = dated(job)
    with opened(job, ReprocessPlan) as run:
        summary = ReprocessSummary(out=run.out.url(), rows=run.plan.rows_of_this_part())
        carry_out(PIPELINE, stages.Setting(job, run.plan.names), run, summary)
        if job.part[1] == 1:
            outlasting(lambda: summary.look_at_studies(run.out), job.patience)
            if job.report:
                summary.report = run.report(lambda: write_reports(run.out, job.keep_identity))
    return concluded(summary, job.quarantine_alarm)
