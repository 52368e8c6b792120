"""What `imagemill train FAMILY` is asked to do: one pydantic model a family, which Prefect shows as a form.

A job says where a training reads and writes; what it learns and how are its family's options.
"""

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from flows.jobs.local import Local
from flows.jobs.strict import StrictJob
from tasks.training.options import (
    AutoencoderOptions,
    DenoiserOptions,
    FlowOptions,
    GanOptions,
    JudgeOptions,
    VaeOptions,
)

MAY_DIFFER = {"dataset", "archive", "out", "every", "cache", "device"}
"""Fields of a job that may differ when an interrupted training goes on."""


class DatasetJob(StrictJob):
    """A training on captioned pictures."""

    family: ClassVar[str]

    dataset: str = Field(
        description="Folder of captioned pictures in Parquet (columns image, caption), local or s3://."
    )
    out: Local = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and sample grids.")
    cache: Local | None = Field(
        None,
        description="Folder that keeps captions' features and small pictures, for several trainings; or OUT/cache.",
    )

    @property
    def source(self) -> str:
        return self.dataset

    @property
    def cache_folder(self) -> Path:
        return self.cache or self.out / "cache"


class VaeJob(VaeOptions, DatasetJob):
    """Trains the structured VAE of the embedded default."""

    family = "vae"


class AutoencoderJob(AutoencoderOptions, DatasetJob):
    """Trains the autoencoder: pictures to latents to pictures, and a text head that paints latents."""

    family = "autoencoder"


class GanJob(GanOptions, DatasetJob):
    """Trains a GAN in the latents of an autoencoder."""

    family = "gan"


class FlowJob(FlowOptions, DatasetJob):
    """Trains a rectified flow in the latents of an autoencoder."""

    family = "flow"


class _JudgePlaces(StrictJob):
    dataset: str = Field(description="Data set that records what its pictures show, as `imagemill dataset emoji`.")
    out: Local = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    every: int = Field(200, ge=1, description="Steps between two checkpoints.")


class JudgeJob(JudgeOptions, _JudgePlaces):
    """What `imagemill train judge` does."""

    family: ClassVar[str] = "judge"

    @property
    def source(self) -> str:
        return self.dataset

    @property
    def cache_folder(self) -> Path:
        return self.out / "cache"


class _DenoiserPlaces(StrictJob):
    archive: str = Field(description="Folder of pictures, noisy ones or --clean, local or s3://; it is only read.")
    out: Local = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and samples.")


class DenoiserJob(DenoiserOptions, _DenoiserPlaces):
    """What `imagemill train denoiser` does."""

    family: ClassVar[str] = "denoiser"

    @property
    def source(self) -> str:
        return self.archive

    @property
    def cache_folder(self) -> Path:
        return self.out / "cache"


TrainJob = VaeJob | AutoencoderJob | GanJob | FlowJob | JudgeJob | DenoiserJob


class TrainSummary(BaseModel):
    """How a training ended."""

    out: Path
    steps: int
    pictures: int
    """What it learned from: rows of a data set, or files of an archive."""
    refused: int
    """Rows of the data set that were left out; OUT/refused.csv says why."""
    figures: dict[str, float]
