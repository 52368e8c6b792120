"""What the Prefect page shows of a run: how far it is, what it came to, and where the report is.

All of it goes through the outbox: a server that is slow or away neither stops the work nor slows it down.
"""

import base64
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar, cast
from uuid import UUID
from zlib import crc32

from prefect.artifacts import Artifact, ImageArtifact, MarkdownArtifact, TableArtifact
from prefect.artifacts import ProgressArtifact as PrefectProgress
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.states import Completed, State
from prefect.utilities.context import get_task_and_flow_run_ids

from flows.engine.outbox import outbox
from flows.engine.summary import Summary

AnySummary = TypeVar("AnySummary", bound=Summary)

EVERY = 2.0  # seconds between two updates of the progress
SETTLE = 5.0  # seconds that the end of a run waits for its page


class ProgressArtifact:
    """A bar on the flow run's page; begin it and call it with the share done, 0 to 1."""

    def __init__(self, share: float, what: str = "Rows done", place: str = "") -> None:
        self.share = share
        self._new = _of_this_run(PrefectProgress(progress=100 * share, key=key("progress", place), description=what))
        self._id: UUID | None = None
        self._what, self._note = what, ""
        self._shown = -EVERY
        self(share)

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        self.share = share
        if share >= 1 or now - self._shown > EVERY:
            self._shown = now
            outbox().put(f"progress {id(self)}", self._send)

    def note(self, note: str) -> None:
        """Shows what the run waits for; an empty text once it goes on."""
        self._note = note
        outbox().put(f"progress {id(self)}", self._send)

    def _send(self, client: SyncPrefectClient) -> None:
        """Tells the share as it is by now."""
        known = ArtifactUpdate(data=100 * self.share, description=self._note or self._what)
        if self._id is None:
            self._id = client.create_artifact(self._new.model_copy(update=known.model_dump(exclude_unset=True))).id
        else:
            client.update_artifact(self._id, known)


def show(artifact: Artifact) -> None:
    """Put an artifact on the page of the flow run, or task run, that this is called in."""
    new = _of_this_run(artifact)
    outbox().put(f"{new.key} of {new.flow_run_id}", lambda client: client.create_artifact(new))


def key(kind: str, place: str) -> str:
    """The artifact key of a run folder: its history on the Prefect page is that of the folder alone."""
    if not place:
        return f"imagemill-{kind}"
    name = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(place).name.lower()).strip("-")
    return f"imagemill-{kind}-{name}-{crc32(place.encode()):08x}".replace("--", "-")


def publish(summary: Summary, sheet: bytes | None = None) -> None:
    """Shows the summary, the report's place and the first pictures.

    It waits a moment for them, so that a run that has ended has them.

    Args:
        sheet: a JPEG of the first pictures.
    """
    table = [{"figure": name, "value": value} for name, value in summary.as_rows()]
    description = f"Pictures and metadata are in `{summary.out}`."
    show(TableArtifact(table=table, key=key("summary", summary.out), description=description))
    if summary.report is not None:
        show(MarkdownArtifact(markdown=_how_to_open(summary.report), key=key("report", summary.out)))
    if sheet is not None:
        show_picture(sheet, "jpeg", key("pictures", summary.out), f"The first pictures of `{summary.out}`")
    outbox().flush(SETTLE)


def _how_to_open(report: str) -> str:
    """Where the report is, and how: browsers follow no link from a web page to a file, nor one to a private bucket."""
    if report.startswith("s3://"):
        command = f"aws s3 presign '{report}' --expires-in 3600"
        return f"All pictures on one page: `{report}`; for an hour a link opens it that `{command}` prints.\n"
    if "://" in report:
        return f"All pictures on one page: `{report}`\n"
    return f"All pictures on one page: open `file://{report}` in a browser on `{socket.gethostname()}`.\n"


def as_final_state(summary: AnySummary) -> AnySummary:
    """What a flow returns so that its run's state says how many rows are quarantined; its caller gets the summary."""
    if not summary.quarantined:
        return summary
    state: State[AnySummary] = Completed(
        name=f"Completed with {summary.quarantined:,} quarantined",
        message=f"{summary.quarantined:,} of {summary.rows:,} {summary.failed[1]}; "
        f"`imagemill inspect {summary.out}` says why.",
        data=summary,
    )
    return cast(AnySummary, state)


def _of_this_run(artifact: Artifact) -> ArtifactCreate:
    task_run, flow_run = get_task_and_flow_run_ids()
    return ArtifactCreate(
        type=artifact.type,
        key=artifact.key,
        description=artifact.description,
        task_run_id=task_run,
        flow_run_id=flow_run,
        data=artifact.format(),
    )


def show_samples(path: Path, steps: int) -> None:
    """Shows a grid of pictures after so many steps of a training.

    The picture travels in the artifact, since browsers open no link from a web page to a local file.
    """
    show_picture(path.read_bytes(), "png", key("samples", ""), f"After {steps} steps: `{path}`")


def show_picture(content: bytes, kind: str, name: str, description: str) -> None:
    """Shows an image file under an artifact key."""
    address = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    show(ImageArtifact(image_url=address, key=name, description=description))


def show_figures(figures: Mapping[str, float], description: str) -> None:
    """Shows how well a checkpoint does."""
    table = [{"figure": name, "value": f"{value:.3f}"} for name, value in figures.items()]
    show(TableArtifact(table=table, key="imagemill-validation", description=description))
