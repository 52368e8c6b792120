"""Images a second of `imagemill reprocess` beside the script one writes today, on the same archive in one run.

    python -m benchmarks.reprocess                      # 400 CT and MR images, TV denoising by scikit-image
    python -m benchmarks.reprocess --files 2000 --processes 8

`loop` is pydicom and scikit-image: read, decode, window, denoise, back, save; a new UID is all it does for DICOM.
`pool` is that loop's body in a multiprocessing pool. Neither de-identifies, restarts, checks or reports. `imagemill` is
the command with all of that, timed from the prompt to the prompt and for its shards alone; once more with the look for
burned-in text, which nothing else here does.
"""

import json
import multiprocessing
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from cyclopts import run
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from rich.console import Console
from rich.table import Table
from skimage.restoration import denoise_tv_chambolle

SOURCES = ("693_UNCI.dcm", "693_J2KR.dcm", "examples_overlay.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm")
CHAIN, WEIGHT = "denoise-tv:0.1", 0.1


def write_archive(folder: Path, count: int) -> None:
    """Files of 512 x 512 and 484 x 484, plain and JPEG 2000, each an instance of its own."""
    datasets = [pydicom.dcmread(str(get_testdata_file(name))) for name in SOURCES]
    folder.mkdir()
    for number in range(count):
        dataset = datasets[number % len(datasets)]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{10**30 + number}"
        dataset.save_as(folder / f"{number:06d}.dcm")


def plain(paths: tuple[Path, Path]) -> None:
    """One file, as a script does it."""
    source, target = paths
    dataset = pydicom.dcmread(source)
    values = dataset.pixel_array.astype(np.float32)
    centre, width = (float(np.atleast_1d(dataset.get(name, 1))[0]) for name in ("WindowCenter", "WindowWidth"))
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    low = (centre - width / 2 - intercept) / slope
    shown = ((values - low) * slope / width).clip(0, 1)
    change = denoise_tv_chambolle(shown, WEIGHT) - shown
    info = np.iinfo(dataset.pixel_array.dtype)
    made = np.rint(values + change * width / slope).clip(info.min, info.max).astype(dataset.pixel_array.dtype)
    dataset.PixelData = made.tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset["PixelData"].is_undefined_length = False
    dataset.SOPInstanceUID = generate_uid()
    dataset.save_as(target, enforce_file_format=False)


def imagemill(archive: Path, out: Path, home: Path, burned_in: str, window: int) -> tuple[float, float]:
    """Seconds from prompt to prompt, and of the shards alone."""
    environment = {**os.environ, "IMAGEMILL_PSEUDONYM_KEY": secrets.token_hex(32), "PREFECT_HOME": str(home)}
    command = [
        sys.executable,
        "-m",
        "flows",
        "reprocess",
        str(archive),
        "--out",
        str(out),
        "--enhance",
        CHAIN,
        "--json",
    ]
    command += ["--burned-in", burned_in, "--window", str(window)]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - began
    told = json.loads(done.stdout)
    assert told["pictures"] + told["quarantined"] == told["rows"]
    return seconds, told["seconds_run"]


def main(files: int = 400, processes: int = os.cpu_count() or 1, window: int = 3) -> None:
    """Runs every way once and prints the table.

    Parameters
    ----------
    files
        Size of the archive.
    processes
        Of the pool.
    window
        Shards that imagemill has in flight.
    """
    rows: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        write_archive(folder / "archive", files)
        paths = sorted((folder / "archive").iterdir())
        for name in ("loop", "pool"):
            (folder / name).mkdir()
        began = time.perf_counter()
        for path in paths:
            plain((path, folder / "loop" / path.name))
        rows.append(("pydicom + scikit-image, a loop", time.perf_counter() - began))
        began = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            pool.map(plain, [(path, folder / "pool" / path.name) for path in paths], chunksize=8)
        rows.append((f"the same, {processes} processes", time.perf_counter() - began))
        for rule, told in (("header", "imagemill"), ("quarantine", "imagemill, looking for text")):
            whole, alone = imagemill(folder / "archive", folder / rule, folder / "home", rule, window)
            rows += [(f"{told}, from prompt to prompt", whole), (f"{told}, its shards alone", alone)]
    table = Table(title=f"{files} images, {CHAIN}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for column in ("way", "seconds", "images a second", "times the loop's"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, seconds in rows:
        table.add_row(way, f"{seconds:.1f}", f"{files / seconds:.1f}", f"{rows[0][1] / seconds:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    run(main)
