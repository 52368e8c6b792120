"""Levels: what no step changes keeps every bit, what lies beyond the window keeps its distance."""

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor
from torch.nn.functional import interpolate

from tasks.enhance.chain import enhance, parse_chain
from tasks.imaging.value_range import Levels, apply_in_window


def chain(text: str) -> Callable[[Tensor], Tensor]:
    return lambda images: enhance(images, parse_chain(text))


def noise(kind: type, low: int, high: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(7).integers(low, high, (64, 48, channels), endpoint=True).astype(kind)


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        (noise(np.uint8, 0, 255, 3), (0, 255)),
        (noise(np.uint16, 0, 4095), (0, 4095)),
        (noise(np.uint16, 0, 65535, 3), (0, 65535)),
        (noise(np.int16, -32768, 32767), (-32768, 32767)),
    ],
)
def test_chain_that_changes_nothing_keeps_every_bit(values: np.ndarray, limits: tuple[int, int]) -> None:
    for level in (Levels(*limits), Levels(limits[0] / 2, limits[1] / 3, True, True)):
        assert np.array_equal(apply_in_window(chain("contrast:1,brightness:1"), values, level, limits), values)


def test_sixteen_bits_come_through_a_chain() -> None:
    """As exact as the formula: nothing of 8 bits is on the way."""
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    made = apply_in_window(chain("brightness:0.5"), values, Levels(0, 65535), (0, 65535))
    assert np.abs(made.astype(int) - values / 2).max() <= 0.5
    assert len(np.unique(made)) >= 32768


def test_beyond_the_window_values_keep_their_distance() -> None:
    values = np.arange(-1000, 3000, dtype=np.int16).reshape(40, 100, 1)
    made = apply_in_window(chain("contrast:1.5"), values, Levels(0, 400, False, True), (-32768, 32767))
    outside = (values <= 0) | (values >= 400)
    assert np.array_equal(made[outside], values[outside])
    assert (np.diff(made.ravel().astype(int)) >= 0).all(), "order is kept"


def test_inverted_picture_gets_brighter_by_smaller_values() -> None:
    values = np.full((8, 8, 1), 600, np.uint16)
    assert apply_in_window(chain("brightness:1.2"), values, Levels(0, 1000, True), (0, 1023)).max() == 520


def test_padding_stays() -> None:
    values = np.full((8, 8, 1), 300, np.int16)
    values[:4] = -2000
    made = apply_in_window(
        chain("brightness:0.5"), values, Levels(0, 400, False, True), (-32768, 32767), (-2000, -2000)
    )
    assert (made[:4] == -2000).all()
    assert (made[4:] == 150).all()


def test_stored_limits_are_never_left() -> None:
    values = noise(np.uint16, 0, 4095)
    made = apply_in_window(chain("sharpen:4"), values, Levels(1000, 2000, False, True), (0, 4095))
    assert made.min() >= 0
    assert made.max() <= 4095


def test_larger_pictures_come_back() -> None:
    def twice(images: Tensor) -> Tensor:
        return interpolate(images, scale_factor=2, mode="bicubic").clamp(0, 1)

    made = apply_in_window(twice, np.full((8, 6, 3), 77, np.uint8), Levels(0, 255), (0, 255))
    assert made.shape == (16, 12, 3)
    assert (made == 77).all()
