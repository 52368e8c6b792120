"""The harness for real-size checkpoints: the architectures have their published sizes; on the CPU it runs tiny ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("psutil")

from benchmarks.real_size import real_size

# Billions of numbers of the published denoisers, of which text projections of our narrow text encoders take a part.
SIZES = {"sdxl": (2.1, 2.6), "sana": (1.5, 1.7), "flux": (11.7, 12.0)}


@pytest.mark.parametrize("family", SIZES)
def test_the_real_sizes_are_those_of_the_published_checkpoints(family: str) -> None:
    pipe = real_size(family)
    network = getattr(pipe, "transformer", None) or pipe.unet
    low, high = SIZES[family]
    assert low < sum(weight.numel() for weight in network.parameters()) / 1e9 < high
    assert pipe.vae_scale_factor in {8, 32}


@pytest.mark.slow
def test_both_ways_run_on_tiny_ones(tmp_path: Path) -> None:
    arguments = ["sana", "--rows", "4", "--size", "32", "--steps", "2", "--batch-size", "2", "--json"]
    command = [sys.executable, "-m", "benchmarks.checkpoints", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])["sana"]
    assert set(found) == {"plain", "flow"}
    assert all(way["pictures_a_second"] > 0 and 0 <= way["busy"] <= 1 for way in found.values())
