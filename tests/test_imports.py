"""Importing a module changes nothing outside it: what a process is set to comes from the functions that it calls."""

import json
import subprocess
import sys


def answer(what: str, said: str = "") -> str:
    command = [sys.executable, "-m", "tests.imports", what]
    return subprocess.run(command, input=said, check=True, capture_output=True, text=True).stdout


def test_imports_change_nothing() -> None:
    """What others' modules do when they are imported is theirs, so they are there before the comparison."""
    others = answer("others").splitlines()[-1]
    assert json.loads(answer("changes", others).splitlines()[-1]) == {}
