"""Brings pictures from the device to the host's memory while the device goes on with the next batch."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from tasks.render.shard_state import Picture, RenderShard


class Transfer:
    """A batch of pictures on its way.

    On a GPU all work here is queued behind the batch's kernels, and nothing waits for them but `arrive`. A picture of
    8 bits a channel is a quarter of its float32; it lies in memory row by row with interleaved channels, as files want
    it, though its shape stays (3, height, width).

    Args:
        images: (rows, 3, height, width), float32 in [0, 1], on any device.
        as_bytes: whether they come to the host as uint8; else they stay where they are, as they are.
    """

    def __init__(self, pictures: Sequence[Picture], images: Tensor, as_bytes: bool) -> None:
        self._pictures = pictures
        self._sound = images.isfinite().flatten(1).all(1).to("cpu", non_blocking=True)
        self._images = _to_bytes(images).to("cpu", non_blocking=True) if as_bytes else images
        self._queued = torch.cuda.Event() if images.is_cuda else None
        if self._queued is not None:
            self._queued.record()

    def arrive(self) -> dict[Picture, str]:
        """Waits for the pictures and sets their pixels; those with values that are no numbers, and why they fail."""
        if self._queued is not None:
            self._queued.synchronize()
        failed = {}
        for picture, pixels, sound in zip(self._pictures, self._images, self._sound.tolist(), strict=True):
            if sound:
                picture.pixels = pixels
                picture.height, picture.width = pixels.shape[1:]
            else:
                failed[picture] = "ValueError: the picture has values that are not finite numbers"
        return failed


def arrive(work: RenderShard, stage: str, transfers: Iterable[Transfer]) -> None:
    """Waits for a stage's pictures; quarantines prompts with unusable ones."""
    failed: dict[Picture, str] = {}
    for transfer in transfers:
        failed |= transfer.arrive()
    work.fail(stage, {picture.prompt: error for picture, error in failed.items()})


def _to_bytes(images: Tensor) -> Tensor:
    levels = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
