"""Parts of pictures: changes confined to a mask, and crops."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F


def read_mask(data: bytes) -> Tensor:
    """A mask file as (1, h, w) in [0, 1], white where pictures may change. Raises ValueError if it is no picture."""
    try:
        grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float32) / 255
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            "the mask cannot be read as a picture; give a grey one, white where pictures may change."
        ) from error
    return torch.from_numpy(grey)[None]


def blended(images: Tensor, changed: Tensor, mask: Tensor) -> Tensor:
    """`changed` within the mask (1, h, w), at the pictures' size; outside of it the very values of `images`."""
    if mask.shape[-2:] != images.shape[-2:]:
        mask = F.interpolate(mask[None], images.shape[-2:], mode="bilinear", align_corners=False, antialias=True)[0]
    mask = mask.to(images)
    return torch.where(mask > 0, images + (changed - images) * mask, images)


def cropped(images: Tensor, shape: str) -> Tensor:
    """The largest part of pictures (n, 3, h, w) about their middle that has a shape such as 4:5."""
    across, down = (float(part) for part in shape.split(":"))
    height, width = images.shape[-2:]
    scale = min(width / across, height / down)
    wide, high = max(1, round(across * scale)), max(1, round(down * scale))
    top, left = (height - high) // 2, (width - wide) // 2
    return images[..., top : top + high, left : left + wide]
