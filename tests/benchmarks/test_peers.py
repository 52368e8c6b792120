"""The peers benchmark does the same work in every way, and says so."""

import json
import os
import subprocess
import sys

import pytest

# Ray Data takes minutes to start where others use the cores, and now and then never does; `make test-full` has it.
RAY = ["ray data"] * bool(os.environ.get("IMAGEMILL_RAY_DATA"))
PEERS = ["one by one", *RAY, "datasets map", "daft", "imagemill"]


@pytest.mark.slow
def test_every_way_makes_the_same_pictures() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers",
        *PEERS,
        "--rows",
        "8",
        "--rounds",
        "1",
        "--steps",
        "1",
        "--size",
        "32",
    ]
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["ways"]) == {"bare", "batched loop", *PEERS}
    assert all(way["same_pictures"] == 8 for name, way in found["ways"].items() if name != "bare")
