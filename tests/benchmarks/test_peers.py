"""The peers benchmark does the same work in every way, and says so."""

import importlib.util
import json
import subprocess
import sys

import pytest

NEEDED = ("ray", "datasets", "daft")


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED), reason="needs pip install 'imagemill[bench]'"
)
def test_every_way_makes_the_same_pictures() -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--rows", "8", "--rounds", "1", "--steps", "1", "--size", "32"]
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["ways"]) > {"one by one", "batched loop", "ray data", "datasets map", "daft", "imagemill"}
    assert all(way["same_pictures"] == 8 for name, way in found["ways"].items() if name != "bare")
