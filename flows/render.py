"""Render: prompts in, pictures and metadata out.

    imagemill render prompts.parquet --out run

Every shard of the prompts goes through the stages of `PIPELINE`, a window of shards at a time. The run folder is the
checkpoint: a shard whose metadata exists is complete, and running the same command again does the others.
"""

from collections.abc import Callable
from typing import Any

from prefect import flow

from flows.engine.run_folder import OpenRun, dated, opened, title
from flows.engine.run_log import concluded
from flows.engine.summary import Summary
from flows.engine.window import carry_out
from flows.jobs.render import RenderJob
from flows.lanes.patience import outlasting
from flows.lanes.pipeline import Stage, timed_names
from flows.plans.render import Plan
from flows.stages import render as stages
from tasks.report.page import write_report
from tasks.report.sheet import contact_sheet
from tasks.runfolder.storage import Storage

PIPELINE = (
    Stage("read", stages.read_shard, stored=True),
    Stage("preprocess", stages.preprocess_shard),
    Stage("encode", stages.encode_shard, holds="encoder", stored=True, when=lambda s: s.reads_text),
    Stage("generate", stages.generate_shard, holds="generator", in_parts=True),
    Stage("explain", stages.explain_shard, holds="generator", in_parts=True, when=lambda s: s.job.explain),
    Stage("enhance", stages.enhance_shard, in_parts=True, when=lambda s: s.job.enhance),
    Stage("rank", stages.rank_shard, in_parts=True, when=lambda s: s.job.reward is not None),
    Stage("write", stages.write_shard, stored=True, in_parts=True),
)


@flow(name="render", flow_run_name=title, persist_result=False)
def render(job: RenderJob) -> Summary:
    """Renders a file of prompts into a run folder.

    Raises:
        BadInput: the job, its input or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; running the same job again resumes.
        Stopped: more rows failed than `max_failures` allows.
    """
    job = dated(job)
    with opened(job, Plan) as run:
        summary, sheet = rendered(run)
    return concluded(summary, job.quarantine_alarm, sheet)


def rendered(run: OpenRun[Any], write: Callable[[Storage], str] | None = None) -> tuple[Summary, bytes | None]:
    """Takes the rows of an open run through the stages, and writes the report; its totals, and a contact sheet.

    Args:
        write: writes pages of the flow's own after the report; returns which of them to name.
    """
    job = run.plan.job
    # A resumed run keeps its batch size: another would change the last bits of a checkpoint's pictures.
    recorded = None if job.batch_size else run.record.get("batch_size")
    setting = stages.Setting(job, run.plan, recorded or run.plan.batch_size, PIPELINE)
    summary = Summary(
        out=run.out.url(),
        rows=run.plan.rows_of_this_part(),
        files=len(run.plan.input.sources),
        files_left_out=run.plan.input.left_out,
    )
    carry_out(PIPELINE, setting, run, summary, setting.split, lambda: setting.current_batch_size, run.plan.rounds())
    sheet = None
    if job.report and job.part[1] == 1:
        sheet = outlasting(lambda: contact_sheet(run.out), job.patience)
        summary.report = run.report(lambda: _write_pages(run.out, write))
    return summary, sheet


def _write_pages(out: Storage, write: Callable[[Storage], str] | None) -> str:
    report = write_report(out, timed_names(PIPELINE))
    return report if write is None else write(out)
