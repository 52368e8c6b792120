"""What is freed stays with the process, unless its user wants otherwise."""

import os
import subprocess
import sys

import pytest

AGAIN = """
import resource, threading, torch
from flows.lanes.allocator import keep_freed
keep_freed()
def work(times):
    for _ in range(times):
        torch.ones(4_000_000)  # 16 MB
work(50)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread = threading.Thread(target=work, args=(1000,))
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize(("setting", "kept"), [({}, True), ({"MALLOC_MMAP_THRESHOLD_": "1000000"}, False)])
def test_an_array_is_made_of_the_pages_of_the_one_before(setting: dict[str, str], kept: bool) -> None:
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", AGAIN]
    done = subprocess.run(command, env={**usual, **setting}, check=True, capture_output=True, text=True)
    # Page faults: of 2 MB at best, eight an array. A thread's first may be in pages of its own, 4,000 of 4 KB at worst.
    assert (int(done.stdout) < 5000) is kept
