"""`imagemill tune` measures a checkpoint, keeps what it found, and `render` begins with it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from flows.cli import main
from flows.options import RenderJob
from flows.plan import Plan
from models.acceleration import PLAIN
from models.diffusers_generator import DiffusersGenerator, load_diffusers
from models.tuned import Measured
from models.tuning import choose, measure
from tests.models.diffusers_checkpoints import Checkpoints


def measured(*rates: float) -> list[Measured]:
    return [Measured(batch_size=2**i, pictures_a_second=rate, peak_memory=None) for i, rate in enumerate(rates)]


def test_the_smallest_batch_that_is_nearly_the_fastest_is_chosen() -> None:
    assert choose(measured(1, 1.9, 3.5, 3.52)).batch_size == 4
    assert choose(measured(1)).batch_size == 1
    with pytest.raises(MemoryError, match="Not even one picture fits"):
        choose([])


def test_what_was_found_is_what_render_begins_with(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    folder = checkpoints("sd1")
    with pytest.raises(SystemExit) as end:
        main(["tune", str(folder), "--width", "16", "--height", "16", "--steps", "1", "--json"])
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["kept"]).is_relative_to(tmp_path / "cache")
    assert found["batch_size"] in [row["batch_size"] for row in found["measured"]]

    pq.write_table(pa.table({"text": ["a cat"]}), tmp_path / "prompts.parquet")
    prompts, out = str(tmp_path / "prompts.parquet"), str(tmp_path / "run")
    job = RenderJob(prompts=prompts, out=out, generator=str(folder), width=16, height=16)
    spool = tmp_path / "spool"
    assert Plan(job, spool).batch_size == found["batch_size"]
    assert Plan(job.model_copy(update={"batch_size": 3}), spool).batch_size == 3
    assert Plan(job.model_copy(update={"width": 32, "height": 32}), spool).batch_size == 32  # nothing measured there


def test_measuring_ends_where_memory_does(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_diffusers(str(checkpoints("sd1")), "cpu", PLAIN)
    assert model is not None
    real = DiffusersGenerator.generate

    def limited(generator: DiffusersGenerator, features: list[dict[str, torch.Tensor]], *more: object) -> torch.Tensor:
        if len(features) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(generator, features, *more)

    monkeypatch.setattr(DiffusersGenerator, "generate", limited)
    monkeypatch.setattr("models.tuning.GAIN", 0.0)
    assert [row.batch_size for row in measure(model, "cpu", 16, 16, 1)] == [1, 2]


def test_what_is_no_checkpoint_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["tune", "default"])
    assert end.value.code == 2
    assert "default is no diffusers checkpoint" in capsys.readouterr().err
