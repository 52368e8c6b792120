"""What `imagemill train FAMILY` is asked to do: one pydantic model a family, which Prefect shows as a form."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from cyclopts import Parameter
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator


def _local(path: Path) -> Path:
    if ":/" in str(path):
        raise ValueError("a folder on this machine is wanted; copy it to an object store when it is done")
    return path


Local = Annotated[Path, AfterValidator(_local)]
"""A folder that is written on this machine: of `s3://bucket`, a path would make a folder `s3:`."""
Place = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value)]
"""A folder that is read, local or s3://."""


class TrainJob(BaseModel):
    """What every training is told."""

    family: ClassVar[str]

    dataset: str = Field(
        description="Folder of captioned pictures in Parquet (columns image, caption), local or s3://."
    )
    out: Local = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    encoder: str = Field("gemma", description="Text encoder whose features the model reads.")
    start: Annotated[Place | None, Parameter(name=["--from", "--start"])] = Field(
        None, description="Begin with this checkpoint instead of random weights: fine-tune it on the data set."
    )
    steps: int = Field(2000, ge=1, description="Training steps.")
    rate: float = Field(1e-3, gt=0, description="Highest learning rate; it warms up, then falls along a cosine.")
    seed: int = Field(0, ge=0, description="Decides weights at the start, order, noise and dropout.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and sample grids.")
    cache: Local | None = Field(
        None,
        description="Folder that keeps captions' features and small pictures, for several trainings; or OUT/cache.",
    )
    average: float = Field(0.999, ge=0, lt=1, description="What a step keeps of the weights' moving average; 0: none.")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="auto: bfloat16 where the processor computes faster in it."
    )


class VaeJob(TrainJob):
    """Trains the structured VAE of the embedded default."""

    family = "vae"

    rate: float = Field(1.5e-3, gt=0, description="Highest learning rate; it warms up, then falls along a cosine.")
    average: float = Field(0.99, ge=0, lt=1, description="What a step keeps of the weights' moving average; 0: none.")
    captions: int = Field(
        128, ge=0, description="Captions a step reads; 0 leaves the reader and the priors as they are."
    )
    pictures: int = Field(
        12, ge=0, description="Pictures a step reconstructs; 0, with --from, teaches a checkpoint only to read better."
    )
    sprites: int = Field(
        6, ge=0, description="Sprites of the memory that a step decodes; 0 leaves their decoder as is."
    )

    @model_validator(mode="after")
    def _something_learns(self) -> Self:
        if not (self.captions or self.pictures or self.sprites):
            raise ValueError("with --captions, --pictures and --sprites all 0 nothing would learn; give one of them.")
        return self


class LatentJob(TrainJob):
    """What every training of a latent family is told."""

    batch: int = Field(64, ge=2, description="Captioned pictures a step learns from.")
    width: int = Field(
        256, ge=64, multiple_of=64, description="Width of a new model's transformer, which reads the text."
    )
    layers: int = Field(4, ge=1, description="Its layers.")
    device: str = Field("cpu", description="cpu, cuda, cuda:1, mps.")
    mirror: float = Field(0.5, ge=0, le=1, description="Share of pictures mirrored, of those whose captions permit it.")
    crop: float = Field(0.1, ge=0, lt=1, description="At most so much of a picture's edge is cut off.")
    colour: float = Field(0.05, ge=0, lt=1, description="Brightness and contrast vary by so much.")
    drop: float = Field(0.1, ge=0, lt=1, description="Share of a caption's tokens that a step hides.")
    wordings: int = Field(0, ge=0, le=3, description='Other wordings of each caption beside it, as "a picture of ...".')


class AutoencoderJob(LatentJob):
    """Trains the autoencoder: pictures to latents to pictures, and a text head that paints latents."""

    family = "autoencoder"

    size: int = Field(64, ge=16, multiple_of=16, description="Edge of the pictures in pixels.")
    pictures: int = Field(24, ge=1, description="Pictures of a step's batch that are decoded too.")


class PainterJob(LatentJob):
    """What the trainings that paint for an autoencoder's codec are told."""

    autoencoder: Place | None = Field(None, description="Checkpoint of the autoencoder; with --from none is given.")

    @model_validator(mode="after")
    def _one_codec(self) -> Self:
        if self.autoencoder is not None and self.start is not None:
            raise ValueError("a checkpoint given as --from brings its own codec: leave --autoencoder out.")
        return self


class GanJob(PainterJob):
    """Trains a GAN in the latents of an autoencoder."""

    family = "gan"

    rate: float = Field(4e-4, gt=0, description="The discriminator's highest learning rate; the generator's is half.")


class FlowJob(PainterJob):
    """Trains a latent flow in the latents of an autoencoder."""

    family = "flow"

    lora: int = Field(0, ge=0, description="With --from: rank of the adapters that alone learn (LoRA); 0: all weights.")

    @model_validator(mode="after")
    def _adapters_adapt_something(self) -> Self:
        if self.lora and self.start is None:
            raise ValueError("--lora trains adapters of a trained flow: give it as --from, or leave --lora out.")
        return self


class TrainSummary(BaseModel):
    """How a training ended."""

    out: Path
    steps: int
    refused: int
    """Rows of the data set that were left out; OUT/refused.csv says why."""
    figures: dict[str, float]
