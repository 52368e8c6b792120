"""The peers benchmark does the same work in every way, and says so."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_every_way_makes_the_same_pictures() -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--rows", "8", "--rounds", "1", "--steps", "1", "--size", "32"]
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["ways"]) > {"one by one", "batched loop", "ray data", "datasets map", "daft", "imagemill"}
    assert all(way["same_pictures"] == 8 for name, way in found["ways"].items() if name != "bare")
