"""Adjust: pictures and instructions in, adjusted pictures out.

    imagemill adjust RUN --instruction "warmer, and without the umbrella" --out RUN2

Every shard of the pictures goes through the stages of `PIPELINE`, a window of shards at a time. The run folder is the
checkpoint, as with render, and an input like any other: it can be adjusted again.
"""

from prefect import flow

from flows.engine.run_folder import dated, opened, title
from flows.engine.run_log import concluded
from flows.engine.window import carry_out
from flows.jobs.adjust import AdjustJob
from flows.lanes.pipeline import Stage, timed_names
from flows.plans.adjust import AdjustingPlan, AdjustSummary
from flows.stages import adjust as stages
from tasks.report.page import write_report
from tasks.runfolder.storage import Storage

PIPELINE = (
    Stage("read", stages.read_shard, stored=True),
    Stage("encode", stages.encode_shard, holds="encoder", when=lambda s: s.scenes),
    # Picture by picture, so that only one picture's pixels are in memory at a time.
    Stage("adjust", stages.adjust_shard, stored=True, times=("picture", "scene", "edit", "enhance", "encode")),
    Stage("write", stages.write_shard, stored=True),
)


@flow(name="adjust", flow_run_name=title, persist_result=False)
def adjust(job: AdjustJob) -> AdjustSummary:
    """Adjusts pictures by instruction into a run folder.

    Raises:
        BadInput: the job, its input or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; running the same job again resumes.
        Stopped: more pictures failed than `max_failures` allows.
    """
    job = dated(job)
    with opened(job, AdjustingPlan) as run:
        summary = AdjustSummary(
            out=run.out.url(), rows=run.plan.rows_of_this_part(), files=len(run.plan.parents.rows.sources)
        )
        carry_out(PIPELINE, stages.Setting(job, run.plan), run, summary)
        if job.report and job.part[1] == 1:
            parents = Storage(job.source) if run.plan.parents.flow else None
            summary.report = run.report(lambda: write_report(run.out, timed_names(PIPELINE), parents))
    return concluded(summary, job.quarantine_alarm)
