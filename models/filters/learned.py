"""Denoising by a trained network: the embedded one, or one that `imagemill train denoiser` made from an archive."""

import torch
from torch import Tensor

from models.filters import denoiser
from models.filters.arguments import File, Loaded
from models.filters.steps import step


@step("denoise-learned", File("checkpoint"), reach=denoiser.OVERLAP + denoiser.ALIGN)
def denoise_learned(images: Tensor, checkpoint: Loaded) -> Tensor:
    """A blind U-Net, on the device of the pictures, one at a time: a batch's size may change how convolutions round."""
    model = denoiser.load(checkpoint.content, str(images.device))
    return torch.stack([denoiser.denoise(model, picture) for picture in images])
