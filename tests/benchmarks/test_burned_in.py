"""The benchmark of burned-in text, small: the recall and the false alarms that the README tells."""

import numpy as np

from benchmarks.burned_in import NAMES, TURNS, burned, cut, seen


def test_names_are_found_in_every_script_turn_and_contrast() -> None:
    samples = [sample for sample in burned(1, sizes=(16,)) if (sample.turn + list(NAMES).index(sample.script)) % 4 == 0]
    assert {sample.script for sample in samples} == set(NAMES)
    assert {sample.turn for sample in samples} == set(range(len(TURNS)))
    assert np.mean([seen(sample.picture) for sample in samples]) >= 0.9


def test_pictures_without_text_are_left_alone() -> None:
    medical = [picture for kind, picture in cut(640) if kind == "medical"]
    assert len(medical) >= 20
    assert np.mean([seen(picture) for picture in medical[::2]]) <= 0.1
