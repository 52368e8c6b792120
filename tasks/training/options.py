"""What a training is told, one pydantic model a family; a job says where it reads and writes (flows/jobs/train.py)."""

from pathlib import Path
from typing import Annotated, Literal, Self

from cyclopts import Parameter
from pydantic import BaseModel, BeforeValidator, Field, model_validator

Place = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value)]
"""A folder that is read, local or s3://."""
DEVICE = "cpu, cuda, cuda:1, mps."


class CaptionOptions(BaseModel):
    """What every training on captions is told."""

    encoder: str = Field("gemma", description="Text encoder whose features the model reads.")
    start: Annotated[Place | None, Parameter(name=["--from", "--start"])] = Field(
        None, description="Begin with this checkpoint instead of random weights: fine-tune it on the data set."
    )
    steps: int = Field(2000, ge=1, description="Training steps.")
    rate: float = Field(1e-3, gt=0, description="Highest learning rate; it warms up, then falls along a cosine.")
    seed: int = Field(0, ge=0, description="Decides weights at the start, order, noise and dropout.")
    average: float = Field(0.999, ge=0, lt=1, description="What a step keeps of the weights' moving average; 0: none.")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="auto: bfloat16 where the processor computes faster in it."
    )


class VaeOptions(CaptionOptions):
    """Training of the structured VAE."""

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


class LatentOptions(CaptionOptions):
    """Training of a family that generates latents."""

    batch: int = Field(64, ge=2, description="Captioned pictures a step learns from.")
    width: int = Field(
        256, ge=64, multiple_of=64, description="Width of a new model's transformer, which reads the text."
    )
    layers: int = Field(4, ge=1, description="Its layers.")
    device: str = Field("cpu", description=DEVICE)
    mirror: float = Field(0.5, ge=0, le=1, description="Share of pictures mirrored, of those whose captions permit it.")
    crop: float = Field(0.1, ge=0, lt=1, description="At most so much of a picture's edge is cut off.")
    colour: float = Field(0.05, ge=0, lt=1, description="Brightness and contrast vary by so much.")
    drop: float = Field(0.1, ge=0, lt=1, description="Share of a caption's tokens that a step hides.")
    retrieve: bool | None = Field(
        None,
        description="Whether the networks look at the things that a caption names, as the embedded default remembers "
        "them; by default where the encoder is the default's.",
    )
    wordings: int = Field(0, ge=0, le=3, description='Other wordings of each caption beside it, as "a picture of ...".')


class AutoencoderOptions(LatentOptions):
    """Training of the autoencoder: pictures to latents to pictures, and a text head that paints latents."""

    size: int = Field(128, ge=16, multiple_of=16, description="Edge of the pictures in pixels.")
    pictures: int = Field(24, ge=1, description="Pictures of a step's batch that are decoded too.")


class CodecOptions(LatentOptions):
    """Training of a family that generates latents for an autoencoder's codec."""

    autoencoder: Place | None = Field(None, description="Checkpoint of the autoencoder; with --from none is given.")

    @model_validator(mode="after")
    def _one_codec(self) -> Self:
        if self.autoencoder is not None and self.start is not None:
            raise ValueError("a checkpoint given as --from brings its own codec: leave --autoencoder out.")
        return self


class GanOptions(CodecOptions):
    """Training of a GAN in the latents of an autoencoder."""

    rate: float = Field(4e-4, gt=0, description="The discriminator's highest learning rate; the generator's is half.")


class FlowOptions(CodecOptions):
    """Training of a rectified flow in the latents of an autoencoder."""

    lora: int = Field(0, ge=0, description="With --from: rank of the adapters that alone learn (LoRA); 0: all weights.")

    @model_validator(mode="after")
    def _adapters_adapt_something(self) -> Self:
        if self.lora and self.start is None:
            raise ValueError("--lora trains adapters of a trained flow: give it as --from, or leave --lora out.")
        return self


class JudgeOptions(BaseModel):
    """Training of the judge of pictures."""

    steps: int = Field(2400, ge=1, description="Training steps.")
    batch: int = Field(32, ge=1, description="Pictures a step.")
    rate: float = Field(2e-3, gt=0, description="Highest learning rate; it warms up, then falls along a cosine.")
    seed: int = Field(0, ge=0, description="Decides weights at the start, order and how pictures vary.")
    device: str = Field("cpu", description=DEVICE)


class DenoiserOptions(BaseModel):
    """Training of the learned denoiser."""

    clean: bool = Field(False, description="They have no noise: Gaussian, Poisson and Rician of any level is added.")
    steps: int = Field(2000, ge=1, description="Training steps.")
    start: str = Field("default", description="Begin with the embedded denoiser, a checkpoint's folder, or `none`.")
    pictures: int = Field(1000, ge=1, description="Pictures to learn from, drawn from the whole archive.")
    patches: int = Field(2048, ge=64, description="Patches of 96 x 96 pixels cut from them, kept in memory.")
    rate: float | None = Field(None, gt=0, description="Highest learning rate; else 2e-4, from the start `none` 2e-3.")
    correction: float = Field(1.0, ge=0, description="For noisy ones: how much neighbours' true differences count.")
    seed: int = Field(0, ge=0, description="Decides the patches, their order and what is drawn for each.")
    device: str = Field("cpu", description=DEVICE)
