"""A lane in a process of its own on this machine, with its device to itself.

python -m flows.lanes.lane_process FD    # as `LaneProcess` starts it, with its end of a connection
"""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from flows.lanes.allocator import keep_freed
from flows.lanes.lane import Lane
from flows.lanes.log_lines import tell_on_stderr
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Setting, Stage, call
from flows.lanes.spans import flush
from tasks.runfolder.commit import Outcome

Reply = tuple[int, list[Outcome] | Exception]
"""The number of a call and what came of it; 0 is the reply of a lane that is ready."""


class LaneProcess:
    """The end of the process that gives out the shards."""

    def __init__(self, pipeline: Sequence[Stage], setting: Setting, in_turns: bool, device: str, share: int) -> None:
        """Starts it on a device; `share` is how many lanes there are on this machine's cores."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "flows.lanes.lane_process", str(theirs.fileno())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL)
        theirs.close()
        self.connection = Connection(ours.detach())
        self.calls: dict[int, list[PendingShard[Any]]] = {}
        self._sent = 0
        setting = copy(setting)
        setting.job = setting.job.model_copy(update={"device": device})  # type: ignore[misc]
        with contextlib.suppress(OSError):  # it has ended already, as reading from it will tell
            self.connection.send_bytes(cloudpickle.dumps((pipeline, setting, in_turns, share)))

    def send(self, shards: list[PendingShard[Any]]) -> None:
        self._sent += 1
        self.calls[self._sent] = shards
        self.connection.send((self._sent, shards))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()


def serve(connection: "Connection[Any, Any]") -> None:
    """Does what is asked until the other end is closed, several calls at a time; ends the process then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gave the order
    pipeline, setting, in_turns, share = pickle.loads(connection.recv_bytes())
    _take_share(share)
    tell_on_stderr(setting.job.log_format)
    lane, reply_lock = Lane(pipeline, setting, call, in_turns), threading.Lock()

    def reply(number: int, result: list[Outcome] | Exception) -> None:
        with reply_lock:
            connection.send((number, result))

    def carry(number: int, shards: list[PendingShard[Any]]) -> None:
        try:
            result: list[Outcome] | Exception = list(lane.run(iter(shards)))
        except Exception as error:
            result = _portable(error)
        reply(number, result)

    with ThreadPoolExecutor(64, thread_name_prefix="call") as calls:
        reply(0, [])
        while True:
            try:
                calls.submit(carry, *connection.recv())
            except (EOFError, OSError):
                flush()
                os._exit(0)


def _portable(error: Exception) -> Exception:
    """The error, or what it says where its class cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _take_share(lanes: int) -> None:
    """Leaves the other lanes their part of the cores."""
    import torch

    keep_freed()
    torch.set_num_threads(max(1, torch.get_num_threads() // lanes))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
