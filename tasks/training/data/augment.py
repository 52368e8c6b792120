"""Data augmentation, so that a small data set goes further: flips where the caption permits, crops, colours, wordings.

Scenes recomposed from a data set's single things are made beforehand, by `imagemill dataset emoji --scenes`, since
their captions must be encoded.
"""

import re
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.text_features import Features

# Captions that a mirrored picture would contradict: sides, and what is read.
_SIDED = re.compile(
    r"\b(left|right|east|west|clock\w*|watch|letters?|words?|numbers?|digits?|text|sign|arrow|flag|map|keycap|button)\b"
    r"|[左右东西字数号牌钟表旗]|地图|箭头|文本",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_WORDINGS = {
    False: ("a picture of {}", "an image that shows {}", "draw {}"),
    True: ("一张{}的图片", "画{}", "图中是{}"),
}
WORDINGS = len(_WORDINGS[True])


def may_mirror(caption: str) -> bool:
    """Whether a picture with this caption is still right when left and right are exchanged."""
    return _SIDED.search(caption) is None


def reworded(caption: str, number: int) -> str:
    """The caption as a user might ask for it; `number` below WORDINGS chooses how."""
    return _WORDINGS[bool(_CHINESE.search(caption))][number].format(caption.rstrip("。."))


@dataclass(frozen=True)
class Augmentation:
    """How much pictures and captions are varied; 0 leaves them as they are."""

    mirror: float = 0.5  # share of pictures mirrored, of those whose captions permit it
    crop: float = 0.1  # at most so much of a picture's edge is cut off
    colour: float = 0.05  # brightness and contrast change by up to so much
    drop: float = 0.1  # share of tokens that are hidden

    def pictures(self, pictures: Tensor, may_mirror: Tensor) -> Tensor:
        """Varies pictures (n, 3, h, w) in [0, 1], each by itself; `may_mirror` is (n,) bool."""
        count = len(pictures)
        device = pictures.device
        mirrored = (torch.rand(count, device=device) < self.mirror) & may_mirror
        zoom = 1 - self.crop * torch.rand(count, device=device)
        shift = (torch.rand(count, 2, device=device) * 2 - 1) * (1 - zoom)[:, None]
        matrix = torch.zeros(count, 2, 3, device=device)
        matrix[:, 0, 0] = torch.where(mirrored, -zoom, zoom)
        matrix[:, 1, 1] = zoom
        matrix[:, :, 2] = shift
        grid = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        contrast, brightness = ((torch.rand(2, count, 1, 1, 1, device=device) * 2 - 1) * self.colour).unbind()
        return ((moved - 0.5) * (1 + contrast) + 0.5 + brightness).clamp(0, 1)

    def words(self, words: Features) -> Tensor:
        """The mask (n, tokens) of texts of which random tokens are hidden, never the first nor more than half."""
        seen = torch.rand(words.mask.shape, device=words.mask.device) >= self.drop
        seen[:, 0] = True
        enough = (seen & words.mask).sum(1, keepdim=True) * 2 >= words.mask.sum(1, keepdim=True)
        return words.mask & (seen | ~enough)
