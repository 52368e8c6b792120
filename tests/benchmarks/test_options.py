"""The table of acceleration options: an option is compared with none on the same rows, or why it cannot be is told."""

from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from benchmarks.options import OPTIONS, Baseline, Effect, Rows, features_of
from models.diffusers.options import Acceleration
from tests.models.diffusers.checkpoints import write_checkpoint


def test_every_option_is_in_the_table() -> None:
    others = {"cache_threshold", "lora"}  # of a step cache; no acceleration, which has a picture of its own
    assert {name for option in OPTIONS.values() for name in option} == set(Acceleration.model_fields) - others


def test_options_are_compared_with_none(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "sdxl", "sdxl")
    rows = Rows(features_of(checkpoint, "cpu"), size=32, steps=2, batch=2, at_once=2)

    baseline = Baseline(checkpoint, "cpu", rows)

    def effect(name: str) -> Effect:
        return baseline.compare(OPTIONS[name], rounds=1)

    none, float8, offload = effect("none"), effect("--weights float8"), effect("--offload")
    assert none.ratio > 0 and none.farthest == 0
    assert float8.ratio > 0 and float8.farthest > float8.mean > 0
    assert offload.refused is not None and "nothing to bring parts to on the cpu" in offload.refused
