"""The options of a diffusers checkpoint, without torch: the command line has to know them before it is needed."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch

Dtype = Literal["float32", "bfloat16", "float16"]
Attention = Literal["flash", "efficient", "cudnn", "math"]
StepCache = Literal["first-block", "taylorseer"]


class Acceleration(BaseModel):
    """Options that trade speed and memory of a diffusers checkpoint against small changes in its images."""

    model_config = ConfigDict(frozen=True)

    dtype: Dtype = "float32"
    """Numbers that a diffusers checkpoint computes with: bfloat16 and float16 take half the memory."""
    attention: Attention | None = None
    """The one kernel for attention; by default torch chooses."""
    compile: bool = False
    """Compile the denoiser's repeated blocks: the first batch of a shape takes a minute, the others less time."""
    channels_last: bool = False
    """Keep convolutions' tensors channels last, which suits tensor cores."""
    scheduler: str | None = None
    """Another scheduler, by its class in diffusers (UniPCMultistepScheduler, LCMScheduler), for fewer --steps."""
    step_cache: StepCache | None = None
    """Reuse what hardly changes between steps; with first-block, pictures are made one at a time."""
    cache_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.08
    """Of first-block: how much the first block's output may change for the others to be skipped."""
    weights: Literal["float8"] | None = None
    """Keep the denoiser's weights in 8 bits and compute in --dtype: half the memory of bfloat16."""
    offload: bool = False
    """Keep the parts in the machine's memory and bring each to the GPU for its turn: less of its memory, slower."""
    lora: tuple[str, ...] = ()
    """LoRA adapters of a diffusers checkpoint, as FOLDER or FOLDER:weight; several add up."""
    vae_slicing: bool = False
    """Decode pictures one at a time: less memory."""
    vae_tiling: bool = False
    """Decode pictures in overlapping tiles: far less memory for large ones."""

    @property
    def torch_dtype(self) -> "torch.dtype":
        import torch

        kind = getattr(torch, self.dtype)
        assert isinstance(kind, torch.dtype)
        return kind


PLAIN = Acceleration()
