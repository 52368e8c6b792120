"""Render: prompts in, pictures and metadata out.

    imagemill render prompts.parquet --out run

The flow plans shards and sends each through read -> preprocess -> encode -> generate -> enhance -> write, a window of
them at a time. The run folder is the checkpoint: a shard whose metadata exists is complete, and the same command again
does the others.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from prefect import allow_failure, flow
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.engine.artifacts import publish
from flows.engine.pending import Todo, list_todos
from flows.engine.runners import on_gpu
from flows.engine.summary import Summary
from flows.engine.window import carry_out, dated, opened, title
from flows.jobs.render import RenderJob
from flows.plans.render import Plan
from flows.stages import render as stages
from tasks.prompts.shards import Shard
from tasks.report.page import write_report


@flow(name="render", flow_run_name=title, persist_result=False)
def render(job: RenderJob) -> Summary:
    """Renders a file of prompts into a run folder.

    Raises:
        BadInput: the job, its input or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; the same job again carries on.
        Stopped: more rows failed than `max_failures` allows.
    """
    started = time.perf_counter()
    job = dated(job)
    with opened(job, Plan) as (plan, out, record):
        # A run goes on with the batch size it began with: another changes the last bits of a checkpoint's pictures.
        kept = None if job.batch_size else record.get("batch_size")
        setting = stages.Setting(job, plan, kept or plan.batch_size)
        summary = Summary(out=out.url(), rows=plan.rows_of_this_part())
        todos = list_todos(job, plan.of_this_part, out, summary)
        begun = time.perf_counter()
        summary.seconds_start = begun - started
        in_turns = partial(_submit_in_turns, setting, []) if setting.split else None
        carry_out(job, todos, partial(_submit, setting), summary, in_turns)
        summary.seconds_run = time.perf_counter() - begun
        if job.report and job.part[1] == 1:
            summary.report = write_report(out)
    publish(summary)
    return summary


Futures = list[PrefectFuture[Any]]


def _submit(setting: stages.Setting, runner: TaskRunner[Any], todo: Todo[Shard]) -> Futures:
    """One task run a stage, each waiting for the one before it."""
    return _submit_rest(setting, runner, todo, _submit_encoding(setting, runner, todo))


def _submit_encoding(
    setting: stages.Setting, runner: TaskRunner[Any], todo: Todo[Shard], after: Sequence[PrefectFuture[Any]] = ()
) -> Futures:
    """The stages up to the features; the encoder is not asked before those of `after` are done."""
    common = {"setting": setting, "shard": todo.shard}
    futures = [runner.submit(stages.read_shard, {**common, "only": todo.only})]
    futures.append(runner.submit(stages.preprocess_shard, {**common, "made": futures[-1:]}))
    if setting.encoder is not None:
        with on_gpu(setting.job):
            futures.append(runner.submit(stages.encode_shard, {**common, "made": futures[-1:]}, _done(after)))
    return futures


def _submit_rest(
    setting: stages.Setting,
    runner: TaskRunner[Any],
    todo: Todo[Shard],
    futures: Futures,
    after: Sequence[PrefectFuture[Any]] = (),
) -> Futures:
    """The stages from the generator on, after `futures`; it is not asked before those of `after` are done."""
    common = {"setting": setting, "shard": todo.shard}
    with on_gpu(setting.job):
        futures = [*futures, runner.submit(stages.generate_shard, {**common, "made": futures[-1:]}, _done(after))]
        if setting.job.explain:
            futures.append(runner.submit(stages.explain_shard, {**common, "made": futures[-1:]}))
    if setting.job.enhance:
        futures.append(runner.submit(stages.enhance_shard, {**common, "made": futures[-1:]}))
    return [*futures, runner.submit(stages.write_shard, {**common, "made": futures[-1:], "attempt": todo.attempt})]


def _done(futures: Sequence[PrefectFuture[Any]]) -> list[Any]:
    return [allow_failure(future) for future in futures]  # what failed tells so itself


def _submit_in_turns(
    setting: stages.Setting, generated: Futures, runner: TaskRunner[Any], todos: list[Todo[Shard]]
) -> list[Futures]:
    """A window of shards whose encoder and denoiser are never needed at once: first all are encoded, then generated.

    Args:
        generated: the window before, for which this one waits; set to this one's.
    """
    encoded = [_submit_encoding(setting, runner, todo, generated) for todo in todos]
    last = [futures[-1] for futures in encoded]
    whole = [_submit_rest(setting, runner, todo, futures, last) for todo, futures in zip(todos, encoded, strict=True)]
    generated[:] = [futures[len(begun)] for begun, futures in zip(encoded, whole, strict=True)]
    return whole
