"""Figures of a run for Prometheus: served on a port while it runs, or kept in a file for node_exporter's collector."""

import time
from collections import Counter as Count
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server, write_to_textfile

from flows.jobs.service import ServiceOptions
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Call, Setting, Stage
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import BadInput

ELSEWHERE = "lanes"  # the queue of shards that are at lanes in other processes
EVERY = 5.0  # seconds between two writes of the file


class Metrics:
    """The figures, each of this run alone: without what earlier runs did in the folder.

    Args:
        devices: how many the run has, where that is known.
        batch_size: tells the batch size as it is by now.
    """

    def __init__(self, devices: int | None, batch_size: Callable[[], int] | None = None) -> None:
        self.registry = CollectorRegistry()
        new: dict[str, Any] = {"namespace": "imagemill", "registry": self.registry}
        self._pictures = Counter("pictures", "Pictures that were made.", **new)
        self._failed = Counter("rows_quarantined", "Rows of which none was made, by stage.", ["stage"], **new)
        self._seconds = Counter("stage_seconds", "Seconds of each stage, which overlap.", ["stage"], **new)
        self._device = Counter("device_seconds", "Seconds that devices worked.", **new)
        self._queue = Gauge("queue_depth", "Shards at each stage, or at lanes in other processes.", ["stage"], **new)
        self._eta = Gauge("eta_seconds", "Seconds until the run is complete at its rate so far.", **new)
        begun = time.monotonic()
        self._busy = 0.0
        if devices is not None:
            Gauge("device_busy_ratio", "Share of the time that devices worked.", **new).set_function(
                lambda: min(1.0, self._busy / max(1e-9, time.monotonic() - begun) / devices)
            )
        if batch_size is not None:
            Gauge("batch_size", "Pictures in a batch, halved when memory runs out.", **new).set_function(batch_size)
        self._depths, self._lock = Count[str](), Lock()

    def add(self, done: Outcome, eta: float) -> None:
        """Counts a shard that this run did; `eta`: seconds to the end."""
        self._eta.set(eta)
        if done.discarded:
            return
        self._pictures.inc(done.pictures)
        for stage, rows in done.failed.items():
            self._failed.labels(stage).inc(rows)
        for stage, seconds in done.seconds.items():
            self._seconds.labels(stage).inc(seconds)
        self._device.inc(done.device_seconds)
        self._busy += done.device_seconds

    def watched(self, call: Call) -> Call:
        """A stage's call whose shards are counted in the queue."""

        def watch(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
            self.queue(stage.name, 1)
            try:
                return call(stage, setting, shard, state)
            finally:
                self.queue(stage.name, -1)

        return watch

    def given_out(self, pending: Iterator[PendingShard[Any]]) -> Iterator[PendingShard[Any]]:
        """Counts shards that go to lanes in other processes."""
        for shard in pending:
            self.queue(ELSEWHERE, 1)
            yield shard

    def queue(self, stage: str, change: int) -> None:
        """More or fewer shards are at a stage."""
        with self._lock:
            self._depths[stage] += change
            self._queue.labels(stage).set(self._depths[stage])


@contextmanager
def exported(metrics: Metrics, job: ServiceOptions) -> Iterator[Callable[[], None]]:
    """Exports the figures as the job says; what it gives is to be called now and then, and writes the file.

    Raises:
        BadInput: the port is taken, or the file cannot be written.
    """
    server = None
    if job.metrics_port is not None:
        try:
            server, _ = start_http_server(job.metrics_port, registry=metrics.registry)
        except OSError as error:
            raise BadInput(f"--metrics-port {job.metrics_port}: {error.strerror}; choose another.") from error
    written = -EVERY

    def write(at_once: bool = False) -> None:
        nonlocal written
        if job.metrics_file is not None and (at_once or time.monotonic() - written > EVERY):
            written = time.monotonic()
            write_to_textfile(job.metrics_file, metrics.registry)

    try:
        write()
    except OSError as error:
        raise BadInput(f"--metrics-file {job.metrics_file}: {error.strerror}; choose another.") from error
    try:
        yield lambda: _shown_only(write)
        _shown_only(lambda: write(at_once=True))
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()


def _shown_only(write: Callable[[], None]) -> None:
    with suppress(OSError):  # a full disk of figures stops no work
        write()
