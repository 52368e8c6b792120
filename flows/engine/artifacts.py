"""What the Prefect page shows of a run: how far it is, what it came to, and where the report is.

All of it goes through the outbox: a server that is slow or away neither stops the work nor slows it down.
"""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast
from uuid import UUID

from prefect.artifacts import Artifact, ImageArtifact, LinkArtifact, TableArtifact
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

    def __init__(self, share: float, what: str = "Rows done") -> None:
        self.share = share
        self._new = _of_this_run(PrefectProgress(progress=100 * share, key="imagemill-progress", description=what))
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


def publish(summary: Summary) -> None:
    """Shows the summary and the report's place; waits a moment for them, so that a run that has ended has them."""
    table = [{"figure": name, "value": value} for name, value in summary.as_rows()]
    description = f"Pictures and metadata are in `{summary.out}`."
    show(TableArtifact(table=table, key="imagemill-summary", description=description))
    if summary.report is not None:
        link = summary.report if "://" in summary.report else f"file://{summary.report}"
        # The whole address, to be copied: browsers follow no link from a web page to a local file.
        show(LinkArtifact(link=link, link_text=link, key="imagemill-report", description="All pictures on one page"))
    outbox().flush(SETTLE)


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
    address = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    show(ImageArtifact(image_url=address, key="imagemill-samples", description=f"After {steps} steps: `{path}`"))


def show_figures(figures: Mapping[str, float], description: str) -> None:
    """Shows how well a checkpoint does."""
    table = [{"figure": name, "value": f"{value:.3f}"} for name, value in figures.items()]
    show(TableArtifact(table=table, key="imagemill-validation", description=description))
