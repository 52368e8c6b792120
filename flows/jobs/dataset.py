"""What `imagemill dataset` is asked to do."""

from pathlib import Path

from pydantic import BaseModel, Field

from flows.jobs.local import Local
from flows.jobs.strict import StrictJob
from tasks.datasets.write_captioned import CollectOptions


class EmojiDatasetJob(StrictJob):
    """What `imagemill dataset emoji` makes."""

    out: Local = Field(description="Folder for the Parquet files; must be new or empty.")
    scenes: int = Field(12_000, ge=0, description="How many composed scenes beside the single concepts.")
    phrases: int = Field(
        1_600, ge=0, description="How many of places, skies, two people; as many of things above or beside a place."
    )
    colours: int = Field(6_000, ge=0, description="How many pictures of things in colours that the caption says.")
    concepts: int | None = Field(  # the first 150 are faces alone, which have no colours to paint them in
        None, ge=200, description="Only the first so many concepts (for a quick trial)."
    )
    seed: int = Field(0, ge=0, description="Decides every scene, caption and backdrop.")
    archives: Local = Field(Path("data/archives"), description="Where the packages' archives are kept or fetched to.")


class DatasetSummary(BaseModel):
    """What was written."""

    out: Path
    concepts: int
    single_captions: int
    scenes: int


class CollectJob(StrictJob, CollectOptions):
    """What `imagemill dataset folder` and `imagemill dataset parquet` make."""

    path: str
    """Your pictures and captions, local or s3://: a folder, or Parquet files (one, a folder of them, a glob)."""
    out: str
    """Folder for the data set, local or s3://; must be new or empty."""


class CollectSummary(BaseModel):
    """What was written; `left_out` pictures are listed in left-out.parquet."""

    out: str
    pictures: int
    left_out: int
    first_reason: str
