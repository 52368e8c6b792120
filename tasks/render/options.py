"""The options of the stages of rendering. They import no stage, as the command line has to know them before torch."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from models.diffusers.options import Acceleration
from tasks.imaging.encode import Format
from tasks.runfolder.filesystem import without_password

Layout = Literal["files", "parquet", "tar", "dummy"]
LARGEST, SMALLEST = 4096, 16  # pixels an edge
MOST_PICTURES = 1000  # of one prompt
MOST_GUIDANCE, MOST_STEPS = 100, 1000


class ReadOptions(BaseModel):
    """What a row that does not say so itself gets."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the job: a row without a seed of its own gets one made from this and its id."""
    width: Annotated[int | None, Field(ge=SMALLEST, le=LARGEST)] = None
    """Width in pixels; by default the generator's own."""
    height: Annotated[int | None, Field(ge=SMALLEST, le=LARGEST)] = None
    """Height in pixels; by default the generator's own."""
    panorama: bool = False
    """Seamless pictures of all that is around (equirectangular, 360 x 180 degrees): twice as wide as high, so of width
    and height give one."""
    count: Annotated[int, Field(ge=1, le=MOST_PICTURES)] = 1
    """Pictures of each prompt."""
    negative_text: str | None = None
    """What is to be kept out of the pictures; for diffusers checkpoints that know such a thing."""
    guidance: Annotated[float | None, Field(ge=0, le=MOST_GUIDANCE)] = None
    """How closely a diffusers checkpoint follows the text; by default as its pipeline does."""
    steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """Denoising steps of a diffusers checkpoint; by default as many as its pipeline takes."""


class GenerateOptions(Acceleration):
    """Which model generates the pictures, and how a diffusers checkpoint is run."""

    model_config = ConfigDict(frozen=False)

    generator: Annotated[str, AfterValidator(without_password)] = "default"
    """The embedded `default`, a checkpoint folder (local or s3://), or a diffusers checkpoint's hub id."""

    min_match: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Quarantine rows of whose text a picture would show less than this share; the default generator alone can tell."""

    @property
    def acceleration(self) -> Acceleration:
        """The options that apply to diffusers checkpoints."""
        return Acceleration(**self.model_dump(include=set(Acceleration.model_fields)))


class ExplainOptions(BaseModel):
    """Whether heat maps are made."""

    explain: bool = False
    """Write heat maps that show which word made which part of each picture (generates one more picture per word)."""


class RankOptions(BaseModel):
    """Which of a prompt's pictures are kept."""

    reward: str | None = None
    """A reward model of `imagemill train reward` (a folder, local or s3://): the metadata say each picture's reward."""
    keep_best: Annotated[int | None, Field(ge=1)] = None
    """Keep only this many pictures of each prompt, those with the highest reward; by default all."""

    @model_validator(mode="after")
    def _together(self) -> "RankOptions":
        if self.keep_best is not None and self.reward is None:
            raise ValueError("--keep-best needs a reward model to tell the best; give --reward, too.")
        return self


class WriteOptions(BaseModel):
    """How pictures are stored."""

    format: Format = "png"
    """Picture format; PNG and JPEG XL (`jxl`) are lossless."""
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Quality of JPEG and WebP."""
    layout: Layout = "files"
    """One file per picture, one Parquet file or WebDataset tar per shard."""
