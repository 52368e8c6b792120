"""Parts of pictures: changes confined to a mask, and crops."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

SHAPE = 0.03  # share by which a mask's width over its height may differ from the picture's


def read_mask(data: bytes) -> Tensor:
    """A mask file as (1, h, w) in [0, 1], white where pictures may change. Raises ValueError if it is no picture."""
    try:
        grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float32) / 255
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            "the mask cannot be read as a picture; give a grey one, white where pictures may change."
        ) from error
    return torch.from_numpy(grey)[None]


def at_size(mask: Tensor, height: int, width: int) -> Tensor:
    """A mask (1, h, w) at a picture's size. Raises ValueError if it is of another shape than the picture."""
    high, wide = mask.shape[-2:]
    if (high, wide) == (height, width):
        return mask
    if abs(wide * height - high * width) > SHAPE * high * width:
        raise ValueError(
            f"the mask is of {wide} x {high} pixels, another shape than the picture's {width} x {height}; give one of "
            "the picture's shape."
        )
    return F.interpolate(mask[None], (height, width), mode="bilinear", align_corners=False, antialias=True)[0]


def blended(images: Tensor, changed: Tensor, mask: Tensor) -> Tensor:
    """`changed` within the mask (1, h, w), at the pictures' size; outside of it the very values of `images`."""
    mask = at_size(mask, images.shape[-2], images.shape[-1]).to(images)
    return torch.where(mask > 0, images + (changed - images) * mask, images)


def cropped(images: Tensor, shape: str) -> Tensor:
    """The largest part of pictures (n, 3, h, w) about their middle that has a shape such as 4:5."""
    across, down = (float(part) for part in shape.split(":"))
    height, width = images.shape[-2:]
    scale = min(width / across, height / down)
    wide, high = max(1, round(across * scale)), max(1, round(down * scale))
    top, left = (height - high) // 2, (width - wide) // 2
    return images[..., top : top + high, left : left + wide]
