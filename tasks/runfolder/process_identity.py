"""What identifies a process among all processes of all machines."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Host and PID; on Linux also the boot, the PID namespace and the start time, as PIDs and host names recur."""
    known: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid()}
    with suppress(OSError):
        known["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        known["namespace"] = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (no path)
        known["started"] = started_at(os.getpid())
    return known


def started_at(pid: object) -> str | None:
    """The start time of a process in clock ticks since boot; None if there is no such process or it has ended."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else rest[18]
