"""`imagemill tune` measures a checkpoint, keeps what it found, and `render` begins with it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from flows.cli.main import main
from flows.jobs.render import RenderJob
from flows.plans.render import Plan
from models.diffusers.checkpoint import DiffusersCheckpoint
from models.diffusers.image_half import DiffusersGenerator, open_diffusers
from models.diffusers.options import PLAIN, Acceleration
from models.diffusers.tuning import choose, measure
from models.diffusers.tuning_records import NAME, Measured, Tuned, Tunings
from tests.models.diffusers.checkpoints import Checkpoints


def measured(*rates: float) -> list[Measured]:
    return [Measured(batch_size=2**i, pictures_a_second=rate, peak_memory=None) for i, rate in enumerate(rates)]


def test_the_smallest_batch_that_is_nearly_the_fastest_is_chosen() -> None:
    assert choose(measured(1, 1.9, 3.5, 3.52)).batch_size == 4
    assert choose(measured(1)).batch_size == 1
    with pytest.raises(MemoryError, match="Not even one picture fits"):
        choose([])


def tune(folder: Path | str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.raises(SystemExit) as end:
        main(["tune", str(folder), "--width", "16", "--height", "16", "--steps", "1", "--json"])
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def planned(folder: Path | str, tmp_path: Path, size: int = 16, **options: Any) -> int:
    """The batch size that a render begins with."""
    pq.write_table(pa.table({"text": ["a cat"]}), tmp_path / "prompts.parquet")
    places = {"prompts": str(tmp_path / "prompts.parquet"), "out": str(tmp_path / "run")}
    job = RenderJob(**places, generator=str(folder), width=size, height=size, **options)
    return Plan(job, tmp_path / "spool").batch_size


def test_what_was_found_lies_beside_the_checkpoint_and_is_what_render_begins_with(
    checkpoints: Checkpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    digest = DiffusersCheckpoint(folder).digest("picture")
    found = tune(folder, capsys)
    assert Path(found["kept"]) == folder / NAME
    assert found["batch_size"] in [row["batch_size"] for row in found["measured"]]
    assert planned(folder, tmp_path) == found["batch_size"]
    assert planned(folder, tmp_path, batch_size=3) == 3
    assert planned(folder, tmp_path, size=32) == 32  # nothing measured there
    assert DiffusersCheckpoint(folder).digest("picture") == digest

    moved = folder.rename(tmp_path / "moved")
    assert planned(moved, tmp_path) == found["batch_size"]
    config = moved / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"steps_offset": 1', '"steps_offset": 0'))
    other = open_diffusers(str(moved), "cpu", PLAIN)
    assert other is not None and other.tunings.kept("cpu", 16, 16, PLAIN) is None  # another checkpoint by now


@pytest.mark.parametrize("size", [0, -5, 10**9, "many", None, 2.5])
def test_a_record_out_of_range_is_as_good_as_none(
    size: Any, checkpoints: Checkpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    tune(folder, capsys)
    record = json.loads((folder / NAME).read_text())
    for entry in record["found"].values():
        entry["batch_size"] = size
    (folder / NAME).write_text(json.dumps(record))
    assert planned(folder, tmp_path) == 32


def test_where_the_folder_cannot_be_written_the_cache_has_it(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    folder = checkpoints.copy("sd1", tmp_path / "shared")
    real = Path.write_text

    def refusing(path: Path, *more: Any) -> int:
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more)

    monkeypatch.setattr(Path, "write_text", refusing)
    found = tune(folder, capsys)
    assert Path(found["kept"]).is_relative_to(tmp_path / "cache")
    assert not list(folder.glob("imagemill*"))
    assert planned(folder, tmp_path) == found["batch_size"]


def test_the_last_finding_counts_and_each_device_size_and_option_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    half = Acceleration(dtype="bfloat16")
    beside, download = Tunings(folder, "a" * 64), Tunings(None, "a" * 64)
    download.keep(Tuned(batch_size=4, measured=[], when=1.0), "cpu", 64, 64, PLAIN)
    beside.keep(Tuned(batch_size=8, measured=[], when=2.0), "cpu", 64, 64, PLAIN)
    beside.keep(Tuned(batch_size=16, measured=[], when=3.0), "cpu", 64, 64, half)
    kept = [tunings.kept("cpu", 64, 64, options) for tunings in (beside, download) for options in (PLAIN, half)]
    assert [one and one.batch_size for one in kept] == [8, 16, 4, None]
    download.keep(Tuned(batch_size=2, measured=[], when=4.0), "cpu", 64, 64, PLAIN)  # while the folder was read-only
    last = beside.kept("cpu", 64, 64, PLAIN)
    assert last is not None and last.batch_size == 2
    assert beside.kept("cpu", 64, 32, PLAIN) is None


def test_a_download_in_the_cache_is_left_as_it_is(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    folder = checkpoints.copy("sd1", tmp_path / "cache" / "model-1" / "sd1")
    assert Path(tune(folder, capsys)["kept"]).is_relative_to(tmp_path / "cache" / "tuned")
    assert not list(folder.glob("imagemill*"))


def test_measuring_ends_where_memory_does(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_diffusers(str(checkpoints("sd1")), "cpu", PLAIN)
    assert model is not None
    real = DiffusersGenerator.generate

    def limited(generator: DiffusersGenerator, features: list[dict[str, torch.Tensor]], *more: object) -> torch.Tensor:
        if len(features) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(generator, features, *more)

    monkeypatch.setattr(DiffusersGenerator, "generate", limited)
    monkeypatch.setattr("models.diffusers.tuning.GAIN", 0.0)
    assert [row.batch_size for row in measure(model, "cpu", 16, 16, 1)] == [1, 2]


def test_a_cache_that_gets_one_picture_at_a_time_is_measured_with_one(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_diffusers(str(checkpoints("flux")), "cpu", Acceleration(step_cache="first-block"))
    assert model is not None
    monkeypatch.setattr("models.diffusers.tuning.GAIN", 0.0)
    assert [row.batch_size for row in measure(model, "cpu", 16, 16, 1)] == [1]


@pytest.mark.parametrize(
    ("checkpoint", "options", "sentence"),
    [
        ("default", (), "default is not a diffusers checkpoint"),
        ("sd1", ("--device", "cuda:77"), "--device cuda:77: torch finds no such device here"),
        ("sd1", ("--width", "33"), "makes no picture of 33 x 32: give multiples of 2 pixels"),
        ("sd1", ("--steps", "0"), 'Invalid value "0" for --steps. Must be >= 1'),
    ],
)
def test_what_cannot_be_measured_is_refused(
    checkpoint: str, options: tuple[str, ...], sentence: str, checkpoints: Checkpoints,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main(["tune", checkpoint if checkpoint == "default" else str(checkpoints(checkpoint)), *options])
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_denoiser_that_does_not_fit_is_told_in_a_sentence(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(DiffusersGenerator, "ready", full)
    with pytest.raises(SystemExit) as end:
        main(["tune", str(checkpoints("sd1")), "--width", "16", "--height", "16"])
    assert end.value.code == 1
    assert "Not even one picture fits into the device's memory" in capsys.readouterr().err
