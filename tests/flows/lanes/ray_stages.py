"""Stages that lanes on Ray run in processes of their own; what happens there shows in files of `job.out`."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import DeviceFault
from tasks.runfolder.storage import StorageError


def first_time(setting: Any, name: str) -> bool:
    """Whether nobody asked so before, in whatever process."""
    try:
        (Path(setting.job.out) / name).open("x").close()
    except FileExistsError:
        return False
    return True


def meet(setting: Any, shard: PendingShard[Any], state: Any) -> Any:
    """Waits until two lanes have a shard in hand: on a busy machine one may be done before the other is up."""
    (Path(setting.job.out) / f"here {os.getpid()}").touch()
    deadline = time.monotonic() + 120
    while len(list(Path(setting.job.out).glob("here *"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    return state


def kill_once(setting: Any, shard: PendingShard[Any], state: Any) -> Any:
    """Ends the process as `kill -9` does, at shard 00005 the first time."""
    if shard.name == "00005" and first_time(setting, "killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    return state


def kill_always(setting: Any, shard: PendingShard[Any], state: Any) -> Any:
    if shard.name == "00005":
        os.kill(os.getpid(), signal.SIGKILL)
    return state


def break_once(setting: Any, shard: PendingShard[Any], state: Any) -> Any:
    """The device fails at shard 00005 the first time."""
    if shard.name == "00005" and first_time(setting, "broken"):
        raise DeviceFault("the device failed.")
    return state


def fill_disk(setting: Any, shard: PendingShard[Any], state: Any) -> Any:
    if shard.name == "00005":
        raise StorageError("run/images: the disk is full.", passing=False)
    return state


def count(setting: Any, shard: PendingShard[Any], state: Any) -> Outcome:
    """Notes the shard in the file of its process; `pictures` says how many are on their way in it."""
    folder, flying = Path(setting.job.out), globals().setdefault("_flying", set())
    flying.add(shard.name)
    time.sleep(0.1)
    together = len(flying)
    flying.discard(shard.name)
    with (folder / f"lane {os.getpid()}").open("a") as file:
        file.write(f"{shard.name}\n")
    return Outcome(rows=1, pictures=together, quarantined=0, seconds={})


COUNT = Stage("count", count)
