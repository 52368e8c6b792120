"""All that has to be measured on a GPU, in one command of at most eight minutes that leaves one JSON file.

    python -m benchmarks.gpu --out gpu.json                       # on a machine with an NVIDIA GPU
    python -m benchmarks.gpu --out cpu.json --device cpu --seconds 1   # tiny networks: whether it runs

It needs no network; `python -m benchmarks.gpu_bundle` collects the packages that such a machine lacks. The parts are
`identity` (the same bytes in any company), `table` (the bare model, the flow and a plain loop), `texts` (the encode
stage), `training` (a while of each family) and `options` (what each acceleration option gains). What fails, or has no
time left, says so in the file; the rest runs.
"""

import faulthandler
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, run

from benchmarks.gpu_report import Report
from benchmarks.options import OPTIONS, Baseline, Rows, features_of
from benchmarks.real_size import base_dtype, write_checkpoint
from flows.engine import local_server
from flows.lanes.allocator import keep_freed

BUDGETS = {"identity": 100.0, "table": 270.0, "texts": 40.0, "training": 80.0, "options": 80.0}
"""Seconds after which a part begins no further measurement. The last gets what is left."""
SHARED_MEMORY, ENOUGH = Path("/dev/shm"), 20 * 2**30


def options(report: Report, device: str, checkpoints: Path) -> None:
    """Compares SDXL with and without each option, small enough that loading does not take the most time."""
    checkpoint = checkpoints / "sdxl"
    if not checkpoint.exists():
        write_checkpoint(checkpoint, "sdxl", device)
    size, steps, batch = (512, 4, 4) if device != "cpu" else (32, 2, 2)
    baseline = Baseline(checkpoint, device, Rows(features_of(checkpoint, device), size, steps, batch, batch))
    plain = {"dtype": base_dtype(device)}
    for name, option in OPTIONS.items():
        if option != plain and "compile" not in option:  # compiling takes minutes
            report.measure(["options", name], lambda option=option: asdict(baseline.compare(option, rounds=2)))
    baseline.release()


def room_for_checkpoints() -> str | None:
    """The folder for temporary checkpoints: one in memory if it is large enough, else the system's own (None)."""
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > ENOUGH:
        return str(SHARED_MEMORY)
    return None


def main(
    *,
    out: Path,
    device: str = "cuda",
    seconds: float = 12,
    limit: float = 470,
    only: Annotated[str, Parameter(help="Parts, with commas between.")] = ",".join(BUDGETS),
) -> None:
    """Measure on a GPU; see the head of this file.

    Parameters
    ----------
    out
        The JSON file, written anew after each measurement.
    device
        cuda with the published sizes, or cpu with tiny networks.
    seconds
        Of each way of the table; of each training half as many.
    limit
        Seconds after which the command ends, whatever it is doing.
    """
    parts = only.split(",")
    if unknown := set(parts) - set(BUDGETS):
        raise SystemExit(f"--only {','.join(sorted(unknown))}: there is no such part; choose of {', '.join(BUDGETS)}.")
    faulthandler.dump_traceback_later(limit, exit=True)
    keep_freed()
    local_server.configure()
    report = Report(out, device, limit - 10)
    # Prefect may be imported only now that it is configured.
    from benchmarks.gpu_identity import identity
    from benchmarks.gpu_table import table
    from benchmarks.gpu_texts import texts
    from benchmarks.gpu_training import training

    with (
        tempfile.TemporaryDirectory(prefix="imagemill-gpu-", dir=room_for_checkpoints()) as in_memory,
        tempfile.TemporaryDirectory(prefix="imagemill-gpu-") as on_disk,
    ):
        checkpoints, runs = Path(in_memory), Path(on_disk)
        measures: dict[str, Callable[[], None]] = {
            "identity": partial(identity, report, device, checkpoints),
            "table": partial(table, report, device, seconds, checkpoints, runs),
            "texts": partial(texts, report, device, 1000 if device != "cpu" else 40, checkpoints),
            "training": partial(training, report, device, seconds / 2, runs / "training"),
            "options": partial(options, report, device, checkpoints),
        }
        local_server.wait_for_server()
        for part in parts:
            report.part(part, BUDGETS[part], measures[part])
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps(report.content))


if __name__ == "__main__":
    run(main)
