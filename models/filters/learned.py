"""Denoising and super-resolution by trained networks.

The denoiser is the embedded one, or one that `imagemill train denoiser` made from an archive.
"""

import torch
from torch import Tensor

from models.filters import denoiser, upscaler
from models.filters.arguments import Choice, File, Loaded
from models.filters.steps import step


@step("denoise-learned", File("checkpoint"), reach=denoiser.OVERLAP + denoiser.ALIGN)
def denoise_learned(images: Tensor, checkpoint: Loaded) -> Tensor:
    """A blind U-Net, on the device of the pictures, one at a time: a batch's size may change how convolutions round."""
    model = denoiser.load(checkpoint.content, str(images.device))
    return torch.stack([denoiser.denoise(model, picture) for picture in images])


def _times(value: str) -> int:
    return int(value.partition(":")[0])


@step(
    "upscale-learned",
    Choice(tuple(f"{times}{kind}" for kind in ("", ":x4plus", ":x4plus-anime") for times in (2, 4))),
    scale=_times,
)
def upscale_learned(images: Tensor, value: str) -> Tensor:
    """Real-ESRGAN, on the device of the pictures, one at a time as in `denoise_learned`.

    Unlike `upscale` it invents what was never there: for drawings and photographs, never for what a diagnosis needs.
    """
    kind = value.partition(":")[2]
    return torch.stack([upscaler.enlarge(picture, _times(value), kind) for picture in images])
