"""What the Prefect page shows of a run: how far it is, what it came to, and where the report is."""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.engine.summary import Summary

EVERY = 2.0  # seconds between two updates of the progress


class ProgressArtifact:
    """A bar on the flow run's page; begin it and call it with the share done, 0 to 1."""

    def __init__(self, share: float, what: str = "Rows done") -> None:
        made = create_progress_artifact(100 * share, key="imagemill-progress", description=what)
        assert isinstance(made, UUID)
        self.id = made
        self.shown = time.monotonic()

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if share >= 1 or now - self.shown > EVERY:
            self.shown = now
            update_progress_artifact(self.id, progress=100 * share)


def publish(summary: Summary) -> None:
    """Shows the summary and the report's place."""
    table = [{"figure": name, "value": value} for name, value in summary.as_rows()]
    create_table_artifact(table, key="imagemill-summary", description=f"Pictures and metadata are in `{summary.out}`.")
    if summary.report is not None:
        link = summary.report if "://" in summary.report else f"file://{summary.report}"
        # The whole address, to be copied: browsers follow no link from a web page to a local file.
        create_link_artifact(link, link_text=link, key="imagemill-report", description="All pictures on one page")


def show_samples(path: Path, steps: int) -> None:
    """Shows a grid of pictures after so many steps of a training.

    The picture travels in the artifact, since browsers open no link from a web page to a local file.
    """
    picture = base64.b64encode(path.read_bytes()).decode()
    create_image_artifact(
        f"data:image/png;base64,{picture}", key="imagemill-samples", description=f"After {steps} steps: `{path}`"
    )


def show_figures(figures: Mapping[str, float], description: str) -> None:
    """Shows how well a checkpoint does."""
    table = [{"figure": name, "value": f"{value:.3f}"} for name, value in figures.items()]
    create_table_artifact(table, key="imagemill-validation", description=description)
