"""Pixels to files: conversion, quality figures, and encoding in threads."""

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from tasks.imaging.encode import Format, encode_picture, quality_figures, to_uint8

FORMATS: list[Format] = ["png", "jpeg", "webp", "jxl"]
INFO = {"prompt": "阳光", "seed": "1"}


def as_defined(pixels: np.ndarray) -> dict[str, float]:
    """The figures as they are defined, in float64."""
    luma = pixels @ (np.array([0.299, 0.587, 0.114]) / 255)
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    sharpness = laplacian.var() if laplacian.size else 0.0
    return {"brightness": luma.mean(), "contrast": luma.std(), "sharpness": sharpness}


@pytest.mark.parametrize(
    "pixels",
    [
        data.astronaut(),
        np.full((64, 64, 3), (13, 200, 77), np.uint8),
        np.random.default_rng(0).integers(0, 256, (99, 61, 3), dtype=np.uint8),
        *(
            np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
            for size in ((1, 1), (2, 9), (9, 2), (3, 3), (6, 3), (3, 6))
        ),
    ],
    ids=lambda pixels: str(pixels.shape),
)
def test_quality_figures_are_as_defined_to_the_last_digits_of_float32(pixels: np.ndarray) -> None:
    assert quality_figures(pixels) == pytest.approx(as_defined(pixels), rel=1e-5, abs=1e-6)


def test_values_are_rounded_to_the_nearest_and_limited() -> None:
    halves = torch.arange(511).div(510)
    pixels = torch.stack([halves, 1 - halves, torch.linspace(-0.2, 1.2, 511)])[:, None].repeat(1, 3, 1)
    expected = np.rint(pixels.numpy().clip(0, 1) * np.float32(255)).astype(np.uint8).transpose(1, 2, 0)
    made = to_uint8(pixels)
    assert np.array_equal(made, expected)
    assert made.flags.c_contiguous


def test_pixels_that_are_uint8_stay_what_they_are() -> None:
    pixels = torch.randint(0, 256, (3, 7, 5), dtype=torch.uint8)
    assert np.array_equal(to_uint8(pixels), pixels.permute(1, 2, 0).numpy())


def test_tensor_is_left_as_it_was() -> None:
    pixels = torch.rand(3, 7, 5)
    before = pixels.clone()
    to_uint8(pixels)
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("format", FORMATS)
def test_threads_give_the_same_bytes(format: Format) -> None:
    pixels = [np.roll(data.astronaut()[:200, :200], 9 * i, 1) for i in range(6)]
    alone = [encode_picture(one, format, 90, INFO) for one in pixels]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda one: encode_picture(one, format, 90, INFO), pixels)) == alone


@pytest.mark.parametrize("format", FORMATS)
def test_other_threads_run_meanwhile(format: Format) -> None:
    """If the lock were held while a picture is encoded, this thread would stand still for most of the time."""
    pixels = np.tile(data.astronaut(), (4, 4, 1))
    taken: list[float] = []

    def encode() -> None:
        start = time.perf_counter()
        encode_picture(pixels, format, 90, INFO)
        taken.append(time.perf_counter() - start)

    worker = threading.Thread(target=encode)
    last, longest = time.perf_counter(), 0.0
    worker.start()
    while worker.is_alive():
        time.sleep(0)
        now = time.perf_counter()
        last, longest = now, max(longest, now - last)
    assert longest < taken[0] / 2


@pytest.mark.parametrize("format", FORMATS)
def test_no_threads_are_started(format: Format) -> None:
    before = len(list(Path("/proc/self/task").iterdir()))
    pixels = to_uint8(torch.rand(3, 1024, 1024))
    quality_figures(pixels)
    encode_picture(pixels, format, 90, INFO)
    assert len(list(Path("/proc/self/task").iterdir())) <= before


@pytest.mark.parametrize("text", ["阳光" * 5000, "🐈" * 20_000, "half a \ud83d pair", "\0\x07"])
@pytest.mark.parametrize("format", FORMATS)
def test_strange_and_long_texts_cost_no_picture(format: Format, text: str) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    assert encode_picture(pixels, format, 90, {"prompt": text, "settings": text, "id": "x"})


def test_a_jpeg_says_the_beginning_of_what_it_cannot_hold() -> None:
    file = encode_picture(np.zeros((8, 8, 3), np.uint8), "jpeg", 90, {"prompt": "阳" * 9000, "id": "x"})
    comment = Image.open(io.BytesIO(file)).getexif().get_ifd(0x8769)[0x9286]
    told = json.loads(comment.removeprefix(b"UNICODE\0").decode("utf-16-be"))
    assert told == {"prompt": "阳" * 4500, "id": "x"}
