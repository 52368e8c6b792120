"""Stages that take their lane down, once each; what is done is marked in a folder that `FAULTS` names."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from models.generators.dummy import DummyGenerator


def _first_time(name: str) -> bool:
    try:
        Path(os.environ["FAULTS"], name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def fail_once(setting: Any, pending: PendingShard[Any], work: Any) -> Any:
    """Kills the process with the second shard, breaks the device with the fourth."""
    Path(os.environ["FAULTS"], f"lane {os.getpid()}").touch()
    if pending.name == "00001" and _first_time("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if pending.name == "00003" and _first_time("broken"):
        raise RuntimeError("CUDA error: device-side assert triggered")
    return work


def hang_once(setting: Any, pending: PendingShard[Any], work: Any) -> Any:
    """From the sixth shard on, the first time, this process's generator never returns."""
    if pending.name == "00005" and _first_time("hung"):
        DummyGenerator.generate = lambda *_: time.sleep(3600)  # type: ignore[method-assign,assign]
    return work


def always_killed(setting: Any, pending: PendingShard[Any], work: Any) -> Any:
    """Kills the process with the second shard, whenever it comes."""
    if pending.name == "00001":
        os.kill(os.getpid(), signal.SIGKILL)
    return work


def break_with_a_row(setting: Any, pending: PendingShard[Any], work: Any) -> Any:
    """Has this process's generator break the device with the sixth row, whenever that is among the rows in hand."""
    (seed,) = [seed for prompt in work.prompts if prompt.row == 5 for seed in prompt.seeds] or [None]
    if seed is not None:
        made = DummyGenerator.generate

        def generate(self: Any, features: Any, seeds: Any, *more: Any) -> Any:
            if seed in seeds:
                Path(os.environ["FAULTS"], f"broken {os.getpid()} {len(seeds)}").touch()
                raise RuntimeError("CUDA error: device-side assert triggered")
            return made(self, features, seeds, *more)

        DummyGenerator.generate = generate  # type: ignore[method-assign,assign]
    return work


HANG_ONCE = Stage("hang once", hang_once)
FAIL_ONCE = Stage("fail once", fail_once)
ALWAYS_KILLED = Stage("always killed", always_killed)
BREAK_WITH_A_ROW = Stage("break with a row", break_with_a_row)
