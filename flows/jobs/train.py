"""The jobs of `imagemill train FAMILY`: one pydantic model per family, which Prefect shows as a form.

A job adds to the options of its family where the training reads and writes.
"""

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from flows.jobs.local import Local, Place
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
"""Fields of a job that may differ when an interrupted training resumes."""


class DatasetJob(StrictJob):
    """A training on captioned pictures."""

    family: ClassVar[str]

    dataset: Place = Field(
        description="Folder of captioned pictures in Parquet (columns image, caption), local or s3://."
    )
    out: Local = Field(description="Folder for the checkpoint; an interrupted training in it is resumed.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and sample grids.")
    cache: Local | None = Field(
        None,
        description="Folder to cache text features and small pictures in, for several trainings; by default OUT/cache.",
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
    """Trains the autoencoder (pictures to latents and back), and a text head that predicts latents."""

    family = "autoencoder"


class GanJob(GanOptions, DatasetJob):
    """Trains a GAN on the latents of an autoencoder."""

    family = "gan"


class FlowJob(FlowOptions, DatasetJob):
    """Trains a rectified flow on the latents of an autoencoder."""

    family = "flow"


class _JudgePlaces(StrictJob):
    dataset: Place = Field(
        description="Data set that records what its pictures show, such as that of `imagemill dataset emoji`."
    )
    out: Local = Field(description="Folder for the checkpoint; an interrupted training in it is resumed.")
    every: int = Field(200, ge=1, description="Steps between two checkpoints.")


class JudgeJob(JudgeOptions, _JudgePlaces):
    """Trains the judge of `imagemill evaluate`."""

    family: ClassVar[str] = "judge"

    @property
    def source(self) -> str:
        return self.dataset

    @property
    def cache_folder(self) -> Path:
        return self.out / "cache"


class _DenoiserPlaces(StrictJob):
    archive: Place = Field(
        description="Folder of pictures, noisy or (with --clean) clean, local or s3://; it is only read."
    )
    out: Local = Field(description="Folder for the checkpoint; an interrupted training in it is resumed.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and samples.")


class DenoiserJob(DenoiserOptions, _DenoiserPlaces):
    """Trains a denoiser on an archive's pictures."""

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
    """Pictures it learned from: rows of a data set or files of an archive."""
    refused: int
    """Rows of the data set that were left out; OUT/refused.csv gives the reasons."""
    figures: dict[str, float]
