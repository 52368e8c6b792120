"""The jobs of `imagemill dataset`."""

from pathlib import Path

from pydantic import BaseModel, Field

from flows.jobs.local import Local, Place
from flows.jobs.strict import StrictJob
from tasks.datasets.write_captioned import CollectOptions


class EmojiDatasetJob(StrictJob):
    """The job of `imagemill dataset emoji`."""

    out: Local = Field(description="Folder for the Parquet files; must be new or empty.")
    scenes: int = Field(12_000, ge=0, description="Composed scenes, in addition to the single concepts.")
    phrases: int = Field(
        1_600,
        ge=0,
        description="Captions of places, skies and two people, and as many of things above or beside a place.",
    )
    colours: int = Field(6_000, ge=0, description="Pictures of things in a colour that the caption names.")
    concepts: int | None = Field(  # the first 150 are all faces, which cannot be recoloured
        None, ge=200, description="Use only this many concepts, from the first (for a quick trial)."
    )
    seed: int = Field(0, ge=0, description="Seed of every scene, caption and background.")
    archives: Local = Field(
        Path("data/archives"), description="Folder the package archives are downloaded to and reused from."
    )


class DatasetSummary(BaseModel):
    """What was written."""

    out: Path
    concepts: int
    single_captions: int
    scenes: int


class CollectJob(StrictJob, CollectOptions):
    """The job of `imagemill dataset folder` and `imagemill dataset parquet`."""

    path: Place
    """Your pictures and captions, local or s3://: a folder, or Parquet files (one, a folder of them, a glob)."""
    out: Place
    """Folder for the data set, local or s3://; must be new or empty."""


class CollectSummary(BaseModel):
    """What was written; `left_out` pictures are listed in left-out.parquet."""

    out: str
    pictures: int
    left_out: int
    first_reason: str
