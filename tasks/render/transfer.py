"""Brings pictures from the device to the host's memory while the device goes on with the next batch."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue

import numpy as np
import torch
from torch import Tensor

from tasks.imaging.encode import to_uint8
from tasks.loading.hang_watch import ended_after
from tasks.render.shard_state import Picture, RenderShard


class Transfer:
    """A batch of pictures on its way.

    On a GPU they are checked and rounded there: all is queued behind the batch's kernels, and nothing waits for them
    but `arrive`, which on a CPU does this work itself, so that the device's thread is spared it either way. Pictures of
    8 bits are a quarter of float32; their channels lie side by side, as files want them, though their shape stays
    (3, height, width).

    Args:
        images: (rows, 3, height, width), float32 in [0, 1], on any device.
        as_bytes: whether they come to the host as uint8; else they stay as they are, on a CUDA device also where.
    """

    def __init__(self, pictures: Sequence[Picture], images: Tensor, as_bytes: bool) -> None:
        self._pictures = pictures
        self._images = images if images.is_cuda else images.cpu()  # of others, such as mps, NumPy cannot read
        self._as_bytes = as_bytes
        self._queued: torch.cuda.Event | None = None
        if images.is_cuda:
            self._sound = images.isfinite().flatten(1).all(1).to("cpu", non_blocking=True)
            if as_bytes:
                self._images = _rounded(images).to("cpu", non_blocking=True)
            # The stream of the pictures' own device: the thread's current device may be another.
            self._queued = torch.cuda.current_stream(images.device).record_event()

    def arrive(self) -> dict[Picture, str]:
        """Waits for the pictures and sets their pixels; those with values that are no numbers, and why they fail."""
        if self._queued is not None:
            self._queued.synchronize()
            sound = self._sound.tolist()
        else:
            sound = [bool(np.isfinite(image.numpy()).all()) for image in self._images]
        failed = {}
        for picture, pixels, fine in zip(self._pictures, self._images, sound, strict=True):
            if picture.encoding is not None:
                continue  # it came before; its batch was made again, as one after it failed
            if fine:
                on_host = self._as_bytes and self._queued is None
                picture.pixels = torch.from_numpy(to_uint8(pixels)).permute(2, 0, 1) if on_host else pixels
                picture.height, picture.width = pixels.shape[1:]
            else:
                failed[picture] = "ValueError: the picture has values that are not finite numbers"
        del self._images  # float32 is four times what the pictures keep
        return failed

    @property
    def pictures(self) -> Sequence[Picture]:
        return self._pictures


Send = Callable[[Transfer], None]
"""What a stage calls with each batch as soon as it is on its way."""


class Arrivals:
    """The batches that a stage sends from a device's thread, for the thread of their shard."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._sent: SimpleQueue[Transfer | None] = SimpleQueue()

    def sent_by(self, stage: Callable[[Send], None]) -> Callable[[], None]:
        """The stage as a function for the device's thread."""

        def run() -> None:
            self._begun.set()
            try:
                stage(self._sent.put)
            finally:
                self._sent.put(None)

        return run

    def wait(self) -> None:
        """Until the stage begins."""
        self._begun.wait()

    def __iter__(self) -> Iterator[Transfer]:
        """Each batch as it is sent, until the stage ends."""
        while (transfer := self._sent.get()) is not None:
            yield transfer


def arrive(
    work: RenderShard,
    stage: str,
    transfers: Iterable[Transfer],
    then: Callable[[Picture], None] | None = None,
    timeout: float | None = None,
) -> None:
    """Waits for a stage's pictures; quarantines prompts with unusable ones.

    Args:
        then: called with each usable picture as it arrives.
        timeout: of a batch, as for `generate`.
    """
    failed: dict[Picture, str] = {}
    for transfer in transfers:
        with ended_after(timeout, "what a GPU has queued"):
            failed |= transfer.arrive()
        if then is not None:
            for picture in transfer.pictures:
                if picture not in failed:
                    then(picture)
    work.fail(stage, {picture.prompt: error for picture, error in failed.items()})


def _rounded(images: Tensor) -> Tensor:
    """As `to_uint8`, for a batch."""
    levels = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
