"""The log of a run: on its page in Prefect, and on stderr."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.logging.loggers import flow_run_logger

from flows.engine.artifacts import AnySummary, as_final_state, publish
from flows.engine.prefect_internals import is_run_of_a_worker
from flows.engine.summary import Summary
from flows.jobs.render import allowed_failures
from flows.lanes.log_lines import LogFormat, stderr_handler, use

log = logging.getLogger("imagemill.run")

NAMED = 10  # reasons told at the end, the most frequent ones


class _Page(logging.Handler):
    """Hands records to the flow run's log, which Prefect sends from a thread of its own."""

    def __init__(self, context: FlowRunContext) -> None:
        super().__init__()
        assert context.flow_run is not None
        self._logger = flow_run_logger(context.flow_run, context.flow)

    def emit(self, record: logging.LogRecord) -> None:
        self._logger.log(record.levelno, "%s", record.getMessage())


@contextmanager
def telling(log_format: LogFormat) -> Iterator[None]:
    """Tells what happens on the page of the flow run that this is called in, and on stderr."""
    context = FlowRunContext.get()
    handlers: list[logging.Handler] = [_Page(context)] if context is not None and context.flow_run is not None else []
    if log_format == "json" or not is_run_of_a_worker():  # Prefect itself writes the lines of a worker's run
        handlers.append(stderr_handler(log_format))
    before = use(handlers)
    try:
        yield
    finally:
        use(before)


def tell_start(summary: Summary, shards: int) -> None:
    """Tells what there is to do, and what was done before."""
    rows = summary.rows - summary.rows_done_before
    fields: dict[str, Any] = {"rows": summary.rows, "rows_done_before": summary.rows_done_before, "shards": shards}
    if summary.rows_done_before:
        line = f"resumed: {summary.rows_done_before:,} of {summary.rows:,} rows were done before, {rows:,} are to do"
        log.info("%s in %s", line, summary.out, extra={"fields": fields})
    else:
        log.info("%s rows to do in %s", f"{rows:,}", summary.out, extra={"fields": fields})


def tell_new_reasons(known: set[str], reasons: dict[str, int]) -> None:
    """Tells reasons for which rows are quarantined, each when it comes up first."""
    for reason in reasons:
        if reason not in known and len(known) < NAMED:
            known.add(reason)
            log.info("quarantined, %s", reason, extra={"fields": {"reason": reason}})


def tell_end(summary: Summary, retries: int) -> None:
    """Tells what came of it."""
    for reason, count in sorted(summary.reasons.items(), key=lambda item: -item[1])[:NAMED]:
        log.info("%s quarantined: %s", f"{count:,}", reason, extra={"fields": {"reason": reason, "quarantined": count}})
    if retries:
        log.info("the store was tried again %s times", f"{retries:,}", extra={"fields": {"store_retries": retries}})
    fields = {"pictures": summary.pictures, "quarantined": summary.quarantined, "seconds": summary.seconds_run}
    made = f"{summary.pictures:,} pictures, {summary.quarantined:,} {summary.failed[summary.quarantined != 1]}"
    log.info("%s, in %s", made, summary.out, extra={"fields": fields})


def concluded(summary: AnySummary, alarm: str | None, sheet: bytes | None = None) -> AnySummary:
    """Shows on the page what came of a run, and tells of it; what the flow returns.

    Args:
        alarm: more quarantined rows than this, a count or a share, are told to those who are told of failed runs.
        sheet: a JPEG of the first pictures.
    """
    publish(summary, sheet)
    _tell_many_quarantined(summary, alarm)
    return as_final_state(summary)


def _tell_many_quarantined(summary: Summary, alarm: str | None) -> None:
    """Emits an event if more rows are quarantined than `alarm`, a count or a share, allows."""
    if alarm is not None and summary.quarantined > allowed_failures(alarm, summary.rows):
        emit_event(
            "imagemill.many-quarantined",
            resource={"prefect.resource.id": f"imagemill.run-folder.{summary.out}"},
            payload={"out": summary.out, "rows": summary.rows, "quarantined": summary.quarantined},
        )
