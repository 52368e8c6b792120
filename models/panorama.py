"""Panoramas: equirectangular pictures of all that is around one point, twice as wide as high.

Column 0 follows on the last one. Yaw 0, the middle of a picture, is straight ahead; pitch goes from 90 degrees at the
upper edge (zenith) through the horizon to -90 at the lower (nadir).
"""

import torch
from torch import Tensor


def check_shape(width: int, height: int) -> None:
    """Raises ValueError with one sentence for a size in pixels that is not 2:1."""
    if width != 2 * height:
        raise ValueError(
            f"a panorama is twice as wide as high, which {width} x {height} is not; give its width alone, an even one."
        )


def angles(width: int, height: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """The yaw of each column (width,) and the pitch of each row (height,), in degrees, at the middle of the pixels."""
    yaw = (torch.arange(width, device=device) + 0.5) * (360 / width) - 180
    pitch = 90 - (torch.arange(height, device=device) + 0.5) * (180 / height)
    return yaw, pitch
