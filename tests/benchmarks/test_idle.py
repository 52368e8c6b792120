"""A device's idle share is what the timeline says, whoever had it wait."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.idle import gaps, idle_share

ROOT = Path(__file__).parents[2]


def test_a_device_that_waits_between_batches_is_idle_for_that_long() -> None:
    batches = [(10.0, 12.0), (13.0, 15.0), (15.0, 17.0), (19.0, 20.0)]
    assert idle_share([batches]) == pytest.approx(3 / 10)
    assert gaps([batches]) == [(7.0, 2.0), (2.0, 1.0), (5.0, 0.0)]


def test_a_late_begin_does_not_count_but_a_device_out_of_work_does() -> None:
    late, early = [(6.0, 10.0)], [(0.0, 5.0)]
    assert idle_share([late]) == 0
    assert idle_share([late, early]) == pytest.approx(5 / (4 + 10))


def test_the_flow_is_measured_on_a_simulated_device() -> None:
    command = [sys.executable, "-m", "benchmarks.overhead", "--simulated", "20", "--size", "64", "--rows", "40"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    assert found["pictures"] == found["rows"] == 40 and found["devices"] == 1
    assert 0 <= found["idle_share"] < 1
    spanned = found["seconds"] - found["seconds_to_first_batch"] - found["seconds_after_last_batch"]
    assert spanned * (1 - found["idle_share"]) == pytest.approx(40 / 20)  # it painted for as long as it takes
