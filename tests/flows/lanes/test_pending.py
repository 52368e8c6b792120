"""Carrying on with many committed shards: quick, and in little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.prompts.shards import Shard
from tasks.runfolder.completed import Folding
from tasks.runfolder.filenames import name_digits
from tasks.runfolder.storage import Storage
from tests.tasks.runfolder.test_completed import table_file, write_shards

SHARDS = int(os.environ.get("IMAGEMILL_SHARDS", "20000"))  # 1000000 for the figures
LINKS = 30_000  # names that an inode is given: file systems have a limit

RESUME = """
import json, resource, sys, time
import numpy as np
from flows.jobs.render import RenderJob
from flows.lanes.pending import ToDo
from tasks.prompts.shards import cut_evenly, mark_duplicates, shards_between
from tasks.runfolder.storage import Storage

out, shards, digits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def all_shards():
    return mark_duplicates(shards_between(cut_evenly(4 * shards + 4, 4), digits), np.empty(0, np.int64))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, begun, rows = peak(), time.perf_counter(), 0
def earlier(outcome):
    global rows
    rows += outcome.rows
to_do = ToDo(RenderJob(prompts="a.parquet", out=out), all_shards, Storage(out), earlier)
left = [pending.name for pending in to_do.of(all_shards())]
print(json.dumps({"seconds": time.perf_counter() - begun, "memory": peak() - before, "rows": rows, "left": left}))
"""


@pytest.mark.slow
def test_committed_shards_are_counted_in_thousands(tmp_path: Path) -> None:
    digits = name_digits(SHARDS + 1)
    first = [Shard(index, 0, 4, digits=digits).name for index in range(1000)]
    write_shards(tmp_path, first, table_file())
    Folding(Storage(str(tmp_path)), first)
    source = (tmp_path / f"folded/{first[0][:-3]}.parquet").read_bytes()
    own = tmp_path / f"metadata/{first[0]}.parquet"
    for index in range(1000, SHARDS):
        name = Shard(index, 0, 4, digits=digits).name
        if index % LINKS == 0:
            own = tmp_path / f"metadata/{name}.parquet"
            own.write_bytes(table_file())
        else:
            os.link(own, tmp_path / f"metadata/{name}.parquet")
        if index % 1000 == 0:
            (tmp_path / f"folded/{name[:-3]}.parquet").write_bytes(source)
    command = [sys.executable, "-c", RESUME, str(tmp_path), str(SHARDS), str(digits)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(told)
    assert told["rows"] == 4 * SHARDS
    assert told["left"] == [Shard(SHARDS, 0, 4, digits=digits).name]
    assert told["seconds"] < 30
    assert told["memory"] < 300e6
