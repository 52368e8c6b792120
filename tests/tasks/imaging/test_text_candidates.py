"""Where text could be: whatever holds a name, and little of what holds none."""

import numpy as np
import pytest

from benchmarks.burned_in import burned
from tasks.imaging.burned_in import views
from tasks.imaging.text_candidates import View, regions
from tests.tasks.imaging.test_burned_in import burn, opened

NOISE = np.random.default_rng(3)


def covered(view: View) -> np.ndarray:
    found = np.zeros(view.picture.shape[:2], bool)
    for region in regions(view):
        found[region.rows, region.columns] = True
    return found


def test_names_of_every_script_and_size_are_within() -> None:
    for sample in burned(1, seed=31, sizes=(10, 40)):
        changed = (sample.picture != sample.under).any(axis=2)
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        inside = covered(View(sample.picture))[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert inside.mean() >= 0.9, (sample.script, sample.size, sample.turn, sample.contrast)


@pytest.mark.parametrize("deviation", [0, 5, 20, 60])
def test_noise_is_not(deviation: int) -> None:
    picture = NOISE.normal(100, deviation, (256, 256, 1)).clip(0, 255).astype(np.uint8)
    assert covered(View(picture)).mean() <= 0.05


@pytest.mark.parametrize("name", ["693_UNCI.dcm", "693_J2KR.dcm"])
def test_of_a_slice_a_part_is_looked_at(name: str) -> None:
    first, *_ = views(*opened(name))
    seen = sum(first.picture[found.rows, found.columns].size / found.shrink**2 for found in regions(first))
    assert seen <= 0.6 * first.picture.size


def test_what_the_window_shows_is_not_looked_at_again() -> None:
    picture = burn(np.full((256, 256, 1), 90, np.uint8), "ZZNAME TEST 1943", 200)
    assert covered(View(picture)).any()
    assert not covered(View(picture, besides=picture)).any()
    assert covered(View(picture, besides=np.full_like(picture, 90))).any()


def test_rounding_makes_no_strokes() -> None:
    """A histogram makes a step of one level as tall as the share of pixels that have it."""
    values = burn(np.full((256, 256, 1), 90, np.uint16), "ZZNAME TEST 1943", 92)
    shown = np.where(values > 90, 255, 0).astype(np.uint8)
    assert not covered(View(shown, values.astype(np.float32))).any()
    assert covered(View(shown, 2 * values.astype(np.float32))).any()
