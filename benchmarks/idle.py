"""How long a device waits for the flow: `imagemill render` with a simulated device.

Part of `python -m benchmarks.overhead --simulated RATE --size PIXELS`.
"""

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import processor
from benchmarks.prompts import write_prompts
from benchmarks.simulated import Interval, painted, write_simulated
from flows.engine import local_server

SECONDS = 40  # what the device takes for the rows of a run, unless told how many
WARM_UP = 16  # rows rendered first: first calls import libraries and start threads
LONGEST = 5  # how many gaps are named


def idle_share(devices: Sequence[Sequence[Interval]]) -> float:
    """The share of the devices' time in which they did not paint.

    The time of each is from its own first batch's begin to the end of the last batch of all, so that a device that
    has run out of work before the others counts as idle.

    Args:
        devices: the intervals in which each device painted, in order, without overlap.
    """
    last = max(end for batches in devices for _, end in batches)
    lent = sum(last - batches[0][0] for batches in devices)
    return 1 - sum(end - begin for batches in devices for begin, end in batches) / lent


def gaps(devices: Sequence[Sequence[Interval]]) -> list[Interval]:
    """Between the batches of a device: seconds from its first batch's begin, and how long it waited, longest first."""
    found = [(end - batches[0][0], begin - end) for batches in devices for (_, end), (begin, _) in pairwise(batches)]
    return sorted(found, key=lambda gap: -gap[1])


def measure_idle(rate: float, size: int, rows: int | None, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Renders on a simulated device and returns the figures.

    Args:
        rate: pictures a second that the device makes.
        size: edge of the pictures in pixels.
        rows: pictures to make; by default `SECONDS` of the device's time.
        options: further options of the render job.
    """
    rows = rows or max(1, round(rate * SECONDS))
    write_prompts(folder / "few.parquet", WARM_UP)
    write_prompts(folder / "prompts.parquet", rows)
    warm, model = write_simulated(folder / "warm", 1000, size), write_simulated(folder / "model", rate, size)
    local_server.configure()
    from flows.jobs.render import RenderJob
    from flows.render import render

    local_server.wait_for_server()
    render(RenderJob(prompts=f"{folder}/few.parquet", out=f"{folder}/few", generator=str(warm), **options))
    job = RenderJob(prompts=f"{folder}/prompts.parquet", out=f"{folder}/run", generator=str(model), **options)
    busy, cpu, start = _busy(), processor.seconds(), time.monotonic()
    summary = render(job)
    seconds = time.monotonic() - start
    others = _busy() - busy - (processor.seconds() - cpu)
    cpu = processor.settled() - cpu
    devices = painted(model)
    files = [path.stat().st_size for path in (folder / "run" / "images").rglob("*") if path.is_file()]
    return {
        "rows": rows,
        "pictures": summary.pictures,
        "size": size,
        "options": options,
        "cores_used_by_others": max(0.0, others / seconds),
        "devices": len(devices),
        "idle_share": idle_share(devices),
        "longest_gaps": gaps(devices)[:LONGEST],
        "nominal": rate * len(devices),
        "pictures_a_second": summary.pictures / seconds,
        "of_nominal": summary.pictures / seconds / (rate * len(devices)),
        "seconds": seconds,
        "seconds_to_first_batch": min(batches[0][0] for batches in devices) - start,
        "seconds_after_last_batch": start + seconds - max(batches[-1][1] for batches in devices),
        "cpu_a_picture": cpu / rows,
        "bytes_a_picture": sum(files) / rows,
        "stage_seconds_a_picture": {stage: spent / rows for stage, spent in summary.seconds.items()},
    }


def _busy() -> float:
    """CPU seconds that all of the machine's processes have used."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


def show_idle(figures: dict[str, Any]) -> None:
    """Prints the figures as a table."""
    named = " ".join(f"--{name} {value}" for name, value in figures["options"].items() if value)
    table = Table(
        title=f"{figures['rows']:,} pictures of {figures['size']} pixels, {named}, "
        f"simulated devices: {figures['devices']}, {os.cpu_count()} cores, of which others used "
        f"{figures['cores_used_by_others']:.1f}",
        title_justify="left",
        show_header=False,
    )
    waits = ", ".join(f"{length:.2f} s at {moment:.1f}" for moment, length in figures["longest_gaps"])
    stages = ", ".join(f"{name} {1000 * spent:.0f}" for name, spent in figures["stage_seconds_a_picture"].items())
    for name, value in {
        "idle share": f"{figures['idle_share']:.1%}",
        "longest gaps": waits,
        "pictures/s, of nominal": f"{figures['pictures_a_second']:.2f}, {figures['of_nominal']:.3f}",
        "seconds: all, before, after the device's work": f"{figures['seconds']:.2f}, "
        f"{figures['seconds_to_first_batch']:.2f}, {figures['seconds_after_last_batch']:.2f}",
        "CPU ms a picture": f"{1000 * figures['cpu_a_picture']:.0f}",
        "KB a picture": f"{figures['bytes_a_picture'] / 1000:.0f}",
        "stages, ms by the clock a picture": stages,
    }.items():
        table.add_row(name, value)
    Console(width=120).print(table)
