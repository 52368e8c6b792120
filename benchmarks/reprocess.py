"""Images per second of `imagemill reprocess` compared with a typical script, on the same archive in one run.

    python -m benchmarks.reprocess                      # 400 CT and MR images, TV denoising by scikit-image
    python -m benchmarks.reprocess --files 2000 --processes 8

`loop` is pydicom and scikit-image: read, decode, window, denoise, invert the window, save; a new UID is all it does for
DICOM. `pool` is that loop's body in a multiprocessing pool. Neither de-identifies, restarts, checks, previews or
reports. `imagemill` is the whole command with all of that, including imports and the start of Prefect's server; the
loop has imported before. The last rows subtract the time of a one-file run, leaving the cost of each additional file.
It runs once more with detection of burned-in text, which nothing else here does. CPU seconds are those of every process
that a way starts: they show the cost of work even when other processes distort wall-clock time.
"""

import json
import multiprocessing
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from cyclopts import run
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from rich.console import Console
from rich.table import Table
from skimage.restoration import denoise_tv_chambolle

from benchmarks import processor

SOURCES = ("693_UNCI.dcm", "693_J2KR.dcm", "examples_overlay.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm")
CHAIN, WEIGHT = "denoise-tv:0.1", 0.1
LOOP, LOOKING = "pydicom + scikit-image, a loop", "imagemill, looking for text"


def write_archive(folder: Path, count: int) -> None:
    """Files of 512 x 512 and 484 x 484, plain and JPEG 2000, each an instance of its own."""
    datasets = [pydicom.dcmread(str(get_testdata_file(name))) for name in SOURCES]
    folder.mkdir()
    for number in range(count):
        dataset = datasets[number % len(datasets)]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{10**30 + number}"
        dataset.save_as(folder / f"{number:06d}.dcm")


def plain(paths: tuple[Path, Path]) -> None:
    """One file, as a typical script processes it."""
    source, target = paths
    dataset = pydicom.dcmread(source)
    values = dataset.pixel_array.astype(np.float32)
    centre, width = (float(np.atleast_1d(dataset.get(name, 1))[0]) for name in ("WindowCenter", "WindowWidth"))
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    low = (centre - width / 2 - intercept) / slope
    shown = ((values - low) * slope / width).clip(0, 1)
    change = denoise_tv_chambolle(shown, WEIGHT) - shown
    info = np.iinfo(dataset.pixel_array.dtype)
    result = np.rint(values + change * width / slope).clip(info.min, info.max).astype(dataset.pixel_array.dtype)
    dataset.PixelData = result.tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset["PixelData"].is_undefined_length = False
    dataset.SOPInstanceUID = generate_uid()
    dataset.save_as(target, enforce_file_format=False)


def imagemill(archive: Path, out: Path, home: Path, burned_in: str, window: int) -> None:
    """The command, as it is typed."""
    environment = {**os.environ, "IMAGEMILL_PSEUDONYM_KEY": secrets.token_hex(32), "PREFECT_HOME": str(home)}
    command = [sys.executable, "-m", "flows", "reprocess", str(archive), "--out", str(out), "--enhance", CHAIN]
    command += ["--json", "--burned-in", burned_in, "--window", str(window)]
    summary = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False).stdout)
    assert summary["pictures"] + summary["quarantined"] == summary["rows"]


def pool(paths: list[tuple[Path, Path]], processes: int) -> None:
    """The loop's body in a pool of processes."""
    with multiprocessing.get_context("spawn").Pool(processes) as workers:
        workers.map(plain, paths, chunksize=8)
        workers.close()
        workers.join()  # otherwise they are killed and their CPU time may be lost


def main(files: int = 400, processes: int = os.cpu_count() or 1, window: int = 3) -> None:
    """Runs every way once and prints the table.

    Parameters
    ----------
    files
        Number of files in the archive.
    processes
        Processes of the pool.
    window
        Shards that imagemill has in flight.
    """
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        write_archive(folder / "archive", files)
        write_archive(folder / "one", 1)
        pairs = {
            name: [(path, folder / name / path.name) for path in sorted((folder / "archive").iterdir())]
            for name in ("loop", "pool")
        }
        for name in pairs:
            (folder / name).mkdir()
        plain(pairs["loop"][0])  # imports on the first picture are not part of the loop
        home = folder / "home"
        imagemill(folder / "one", folder / "first", home, "header", window)  # Prefect's database is created once
        ways: dict[str, Callable[[], object]] = {
            LOOP: lambda: [plain(pair) for pair in pairs["loop"]],
            f"the same, {processes} processes": lambda: pool(pairs["pool"], processes),
            "imagemill": lambda: imagemill(folder / "archive", folder / "header", home, "header", window),
            LOOKING: lambda: imagemill(folder / "archive", folder / "look", home, "quarantine", window),
        }
        first = measured(lambda: imagemill(folder / "one", folder / "start", home, "header", window))
        rows = {way: (files, *measured(run)) for way, run in ways.items()}
    for way in ("imagemill", LOOKING):
        _, clock, used = rows[way]
        rows[f"{way}: beyond the first file"] = (files - 1, clock - first[0], used - first[1])
    table = Table(title=f"{files} images, {CHAIN}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for column in ("way", "seconds", "images a second", "CPU seconds", "images a CPU second", "of the loop's"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, (count, clock, used) in rows.items():
        share = count / used / (files / rows[LOOP][2])
        figures = (f"{clock:.1f}", f"{count / clock:.2f}", f"{used:.1f}", f"{count / used:.2f}", f"{share:.2f}")
        table.add_row(way, *figures)
    Console(width=130).print(table)


def measured(run: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of this process and all it starts."""
    began, used = time.perf_counter(), processor.seconds()
    run()
    return time.perf_counter() - began, processor.seconds() - used


if __name__ == "__main__":
    run(main)
