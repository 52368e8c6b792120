"""By what a process is known again, on whatever machine."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """By what a process is told from all others, on any machine: on Linux also by boot, PID namespace and start."""
    known: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid()}
    with suppress(OSError):
        known["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        known["namespace"] = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (no path)
        known["started"] = started_at(os.getpid())
    return known


def started_at(pid: object) -> str | None:
    """When a process began, in ticks since the machine started; None if it is not there or has ended."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else rest[18]
