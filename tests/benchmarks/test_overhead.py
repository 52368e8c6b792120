"""The benchmark runs and measures the same work three times."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_all_three_ways_make_the_same_pictures() -> None:
    command = [sys.executable, "-m", "benchmarks.overhead", "--rows", "20", "--rounds", "1", "--generator", "dummy"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    assert found["same_pictures"] == found["rows"] == 20
    assert set(found["ways"]) == {"bare", "plain", "flow"}
    assert found["ways"]["bare"]["ratio"] == 1
    for way in found["ways"].values():
        assert way["seconds"][0] > 0 and way["cpu"][0] > 0
    assert found["shell"]["whole"] > found["shell"]["run"] > 0
