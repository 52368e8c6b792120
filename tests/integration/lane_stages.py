"""Stages for the command's own pipeline on Ray; what happens in lanes shows in files beside the run folder."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from models.generators.registry import load_generator
from tasks.render.shard_state import RenderShard

LATEST = time.monotonic() + 120  # that shards wait for other lanes, all together


def note_loads(setting: Any, pending: PendingShard[Any], work: RenderShard) -> RenderShard:
    """Notes a shard in the file of its process, with how often that has loaded a generator."""
    with Path(f"{setting.job.out}-lane-{os.getpid()}").open("a") as file:
        file.write(f"{pending.name} {load_generator.cache_info().misses}\n")
    return work


def kill_once(setting: Any, pending: PendingShard[Any], state: Any) -> Any:
    """Ends the process as `kill -9` does, the first time that shard 00003 comes here."""
    if pending.name == "00003":
        try:
            Path(f"{setting.job.out}-killed").open("x").close()
        except FileExistsError:
            return state
        os.kill(os.getpid(), signal.SIGKILL)
    return state


def await_second(setting: Any, pending: PendingShard[Any], state: Any) -> Any:
    """Waits until two lanes have noted a shard: on a busy machine one may be done before the other is up."""
    return _await(2, Path(setting.job.out), state)


def await_third(setting: Any, pending: PendingShard[Any], state: Any) -> Any:
    """Once a lane has been killed, waits until a third one has noted a shard: a short run would end before."""
    out = Path(setting.job.out)
    return _await(3, out, state) if Path(f"{out}-killed").exists() else state


def _await(lanes: int, out: Path, state: Any) -> Any:
    while len(noted(out)) < lanes and time.monotonic() < LATEST:
        time.sleep(0.1)
    return state


NOTE_LOADS = Stage("note loads", note_loads)
KILL_ONCE = Stage("kill once", kill_once)
AWAIT_SECOND = Stage("await second", await_second)
AWAIT_THIRD = Stage("await third", await_third)


def noted(out: Path) -> dict[str, dict[str, int]]:
    """What `note_loads` noted: for each process the shards, and how often a generator had been loaded by then."""
    lanes = sorted(out.parent.glob(f"{out.name}-lane-*"))
    return {lane.name: {name: int(loads) for name, loads in map(str.split, lane.open())} for lane in lanes}
