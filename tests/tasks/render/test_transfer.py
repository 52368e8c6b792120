import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import torch

from tasks.imaging.encode import to_uint8
from tasks.prompts.shards import Shard
from tasks.render.shard_state import Picture, Prompt, RenderShard
from tasks.render.transfer import Arrivals, Send, Transfer, arrive


def shard(rows: int, height: int, width: int) -> RenderShard:
    work = RenderShard(
        Shard(0, 0, rows), [Prompt(row, str(row), "a cat", [row], 1, 1) for row in range(rows)], [], pa.table({})
    )
    work.pictures = [Picture(prompt, 0) for prompt in work.prompts]
    return work


def test_levels_are_those_of_the_float_picture_rounded_to_nearest() -> None:
    images = torch.linspace(-0.1, 1.1, 3 * 3 * 64 * 48).reshape(3, 3, 64, 48)
    work = shard(3, 64, 48)
    arrive(work, "generate", [Transfer(work.pictures, images, as_bytes=True)])
    for picture, image in zip(work.pictures, images, strict=True):
        assert picture.pixels is not None and picture.pixels.dtype == torch.uint8
        assert (picture.height, picture.width) == (64, 48)
        assert np.array_equal(to_uint8(picture.pixels), np.rint(image.clamp(0, 1).numpy() * 255).transpose(1, 2, 0))


def test_channels_lie_side_by_side_so_that_files_are_encoded_without_another_copy() -> None:
    work = shard(2, 5, 7)
    arrive(work, "generate", [Transfer(work.pictures, torch.rand(2, 3, 5, 7), as_bytes=True)])
    assert all(p.pixels is not None and p.pixels.permute(1, 2, 0).is_contiguous() for p in work.pictures)


def test_pictures_for_a_later_step_stay_as_they_are() -> None:
    images, work = torch.rand(2, 3, 5, 7), shard(2, 5, 7)
    arrive(work, "generate", [Transfer(work.pictures, images, as_bytes=False)])
    assert all(
        p.pixels is not None and p.pixels.data_ptr() == image.data_ptr()
        for p, image in zip(work.pictures, images, strict=True)
    )


@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_picture_of_values_that_are_no_numbers_costs_its_own_row(as_bytes: bool) -> None:
    images, work = torch.rand(3, 3, 5, 7), shard(3, 5, 7)
    images[1, 2, 3, 4] = float("inf")
    arrive(work, "enhance", [Transfer(work.pictures, images, as_bytes)])
    assert [picture.seed for picture in work.pictures] == [0, 2]
    assert [(failure.row, failure.stage) for failure in work.failures] == [(1, "enhance")]


def test_a_prompt_of_which_two_pictures_fail_is_quarantined_once() -> None:
    prompt = Prompt(0, "0", "a cat", [1, 2], 1, 1)
    work = RenderShard(Shard(0, 0, 1), [prompt], [], pa.table({}))
    work.pictures = [Picture(prompt, number) for number in range(2)]
    images = torch.full((1, 3, 5, 7), float("nan"))
    first, second = (Transfer([picture], images, as_bytes=True) for picture in work.pictures)
    arrive(work, "generate", [first])
    arrive(work, "generate", [second])
    assert [failure.row for failure in work.failures] == [0]


class Elsewhere(torch.Tensor):
    """Pictures on a device that is neither the CPU nor CUDA: NumPy cannot read them before they are on the CPU."""

    def numpy(self, *, force: bool = False) -> np.ndarray:
        raise TypeError("can't convert mps device type tensor to numpy")

    def cpu(self, *more: object) -> torch.Tensor:
        return self.as_subclass(torch.Tensor)


@pytest.mark.parametrize("as_bytes", [True, False])
def test_pictures_of_another_device_come_to_the_host(as_bytes: bool) -> None:
    images, work = torch.rand(2, 3, 5, 7), shard(2, 5, 7)
    arrive(work, "generate", [Transfer(work.pictures, images.as_subclass(Elsewhere), as_bytes)])
    assert not work.failures
    for picture, image in zip(work.pictures, images, strict=True):
        assert picture.pixels is not None
        assert np.array_equal(to_uint8(picture.pixels), to_uint8(image))


def test_pictures_are_taken_while_later_batches_are_still_made() -> None:
    work, arrivals, order = shard(2, 5, 7), Arrivals(), list[str]()
    taken = threading.Event()

    def stage(send: Send) -> None:
        send(Transfer(work.pictures[:1], torch.rand(1, 3, 5, 7), as_bytes=True))
        order.append("second batch" if taken.wait(30) else "nobody took the first")
        send(Transfer(work.pictures[1:], torch.rand(1, 3, 5, 7), as_bytes=True))

    def then(picture: Picture) -> None:
        order.append(f"picture {picture.seed}")
        taken.set()

    with ThreadPoolExecutor(1) as device:
        device.submit(arrivals.sent_by(stage))
        arrive(work, "generate", arrivals, then)
    assert order == ["picture 0", "second batch", "picture 1"]


def test_a_picture_that_is_being_encoded_is_not_taken_again() -> None:
    """Where a batch fails, those before it are made once more on the way to the row that is to blame."""
    work = shard(1, 5, 7)
    (picture,) = work.pictures
    picture.encoding = Future()
    arrive(work, "generate", [Transfer(work.pictures, torch.rand(1, 3, 5, 7), as_bytes=True)])
    assert picture.pixels is None
