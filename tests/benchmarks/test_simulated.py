"""A simulated device takes its time, and gives pictures as large on disk as real ones."""

import time
from pathlib import Path

import pytest
import torch

from benchmarks.simulated import painted, write_simulated
from models.generators.registry import load_generator
from tasks.imaging.encode import encode_picture, to_uint8


def test_a_batch_takes_its_time_and_is_logged(tmp_path: Path) -> None:
    generator = load_generator(str(write_simulated(tmp_path / "model", 20, 64)))
    for seeds in ([1, 2, 3, 4], [5, 6]):
        begin = time.monotonic()
        images = generator.generate([None] * len(seeds), seeds, 64, 64)
        assert time.monotonic() - begin >= len(seeds) / 20
        assert images.shape == (len(seeds), 3, 64, 64)
    assert [end - begin for batches in painted(tmp_path / "model") for begin, end in batches] == pytest.approx(
        [0.2, 0.1]
    )


def test_a_picture_is_its_seeds_in_any_company(tmp_path: Path) -> None:
    generator = load_generator(str(write_simulated(tmp_path / "model", 1000, 64)))
    alone, among = generator.generate([None], [7], 64, 64), generator.generate([None] * 3, [1, 7, 2], 64, 64)
    assert torch.equal(alone[0], among[1]) and not torch.equal(among[0], among[1])


def test_pictures_have_the_grain_of_photographs(tmp_path: Path) -> None:
    generator = load_generator(str(write_simulated(tmp_path / "model", 1000, 1024)))
    pixels = to_uint8(generator.generate([None], [0], 1024, 1024)[0])
    assert 1.3e6 < len(encode_picture(pixels, "png", 90, {})) < 1.8e6
