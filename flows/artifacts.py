"""What the Prefect page shows of a run: how far it is, what it came to, and where the report is."""

import time
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.summary import Summary

EVERY = 2.0  # seconds between two updates of the progress


class ProgressArtifact:
    """A bar on the flow run's page; begin it and call it with the share done, 0 to 1."""

    def __init__(self, share: float) -> None:
        made = create_progress_artifact(100 * share, key="imagemill-progress", description="Rows done")
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
