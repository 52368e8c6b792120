"""Diffusers checkpoints through the whole flow: real folders of tiny networks, local and in an object store."""

import io
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file

from flows.jobs.render import RenderJob
from flows.plans.render import Plan
from flows.stages.render import batch_limit
from models.diffusers.checkpoint import DiffusersCheckpoint, Half
from models.diffusers.options import PLAIN
from models.generators.registry import load_generator
from tasks.loading.feature_store import FeatureFolder
from tasks.runfolder.storage import StorageError
from tests.integration.runs import Outcome, files, table
from tests.models.diffusers.checkpoints import Checkpoints

Mill = Callable[..., Outcome]
ROWS: list[dict[str, Any]] = [
    {"id": "plain", "text": "a red cat"},
    {"id": "same", "text": "a red cat"},
    {"id": "away", "text": "a red cat", "negative_text": "rain"},
    {"id": "close", "text": "a red cat", "guidance": 2.0},
    {"id": "long", "text": "a blue dog on a long street", "steps": 3},
    {"id": "wide", "text": "a tree", "width": 48, "height": 16},
    {"id": "odd", "text": "a tree", "width": 33},
    {"id": "far", "text": "a tree", "guidance": -1.0},
]
QUICK = ["--steps", 2, "--width", 32, "--height", 32, "--seed", 5, "--no-report"]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    whole = dict.fromkeys(("steps", "width", "height", "seed"), pa.int64())
    said = dict.fromkeys(("id", "text", "negative_text"), pa.string())
    schema = pa.schema({**said, "guidance": pa.float64(), **whole})
    pq.write_table(pa.Table.from_pylist([{"seed": 11, **row} for row in rows], schema=schema), path)
    return path


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write(tmp_path / "prompts.parquet", ROWS)


def pictures(run: Path | str) -> dict[str, str]:
    made = table(str(run), "metadata")
    return dict(zip(made["id"].to_pylist(), made["sha256"].to_pylist(), strict=True))


def test_rows_say_their_own_size_steps_guidance_and_negative_text(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill
) -> None:
    run = tmp_path / "run"
    outcome = imagemill("render", prompts, "--out", run, "--generator", checkpoints("sdxl"), "--batch-size", 3, *QUICK)
    assert outcome.code == 3, outcome.err

    made = {row["id"]: row for row in table(str(run), "metadata").to_pylist()}
    seen = files(str(run))
    open_ = {name: Image.open(io.BytesIO(seen[row["image"]])) for name, row in made.items()}
    assert open_["wide"].size == (48, 16)
    assert made["plain"]["sha256"] != made["away"]["sha256"] != made["close"]["sha256"]
    assert open_["plain"].tobytes() == open_["same"].tobytes()  # one text, one seed
    assert (made["plain"]["steps"], made["plain"]["guidance"], made["plain"]["negative_text"]) == (2, 5.0, None)
    assert (made["long"]["steps"], made["close"]["guidance"], made["away"]["negative_text"]) == (3, 2.0, "rain")
    assert open_["away"].text["negative prompt"] == "rain"
    failed = {row["prompt_id"]: row["error"] for row in table(str(run), "quarantine").to_pylist()}
    assert "give multiples of 8 pixels" in failed["odd"]
    assert "guidance is '-1.0'; give a number from 0 to 100" in failed["far"]

    record = json.loads((run / "run.json").read_text())
    assert set(record["generator"]["parts"]) >= {"unet", "vae", "text_encoder", "text_encoder_2", "scheduler"}
    assert record["batch_size"] == 3


@pytest.mark.parametrize("family", ["sd1", "pixart-sigma", "qwen-image", "z-image"])
def test_a_row_keeps_its_picture_alone_and_in_other_shards(
    family: str, prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill
) -> None:
    sized = [{**row, "width": 32} for row in ROWS[:5]]
    usual = ["--generator", checkpoints(family), "--batch-size", 3, *QUICK]
    write(prompts, sized)
    assert imagemill("render", prompts, "--out", tmp_path / "all", *usual).code == 0
    write(prompts, sized[2:])
    assert imagemill("render", prompts, "--out", tmp_path / "some", "--shard-size", 2, *usual).code == 0
    write(prompts, sized[4:])
    assert imagemill("render", prompts, "--out", tmp_path / "one", *usual).code == 0
    everything = pictures(tmp_path / "all")
    assert {**pictures(tmp_path / "some"), **pictures(tmp_path / "one")}.items() <= everything.items()
    assert len(everything) == len(sized)


@pytest.mark.parametrize("family", ["sd1", "sana", "qwen-image"])
def test_a_decoder_that_overflows_is_quarantined_and_makes_no_white_pictures(
    family: str, prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill
) -> None:
    folder = checkpoints.copy(family, tmp_path / family)
    file = next((folder / "vae").glob("*.safetensors"))
    tensors = load_file(file)
    tensors[max(name for name in tensors if name.startswith("decoder.conv_out") and "bias" in name)][0] = math.inf
    save_file(tensors, file, {"format": "pt"})
    write(prompts, ROWS[:2])
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", "--generator", folder, *QUICK)
    assert outcome.code == 3, outcome.err
    assert all("not finite" in row["error"] for row in table(str(tmp_path / "run"), "quarantine").to_pylist())


def test_a_checkpoint_in_s3_renders_what_the_local_one_does(
    bucket: str, s3: Any, prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle that is not even downloaded")
    s3.filesystem().put(f"{folder}/", f"{bucket}/models/sd1/", recursive=True)
    write(prompts, ROWS[:3])
    for place, generator in ((f"{bucket}/run", f"{bucket}/models/sd1"), (str(tmp_path / "run"), folder)):
        outcome = imagemill("render", prompts, "--out", place, "--generator", generator, "--batch-size", 2, *QUICK)
        assert outcome.code == 0, outcome.err
    assert pictures(f"{bucket}/run") == pictures(tmp_path / "run")
    assert not list((tmp_path / "cache").rglob("*.bin"))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The halves that are loaded, in order; none at the start. Fails if one is loaded that is held already."""
    load_generator.cache_clear()
    seen: list[str] = []
    real = DiffusersCheckpoint.load

    def load(checkpoint: DiffusersCheckpoint, half: Half, *more: Any) -> Any:
        seen.append(half)
        return real(checkpoint, half, *more)

    monkeypatch.setattr(DiffusersCheckpoint, "load", load)
    yield seen
    load_generator.cache_clear()


def test_in_turns_encoder_and_denoiser_are_never_held_at_once(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill, loads: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write(prompts, [{"id": str(row), "text": f"a cat, number {row}", "width": 32} for row in range(7)])
    usual = ["--generator", checkpoints("sd1"), "--batch-size", 2, "--shard-size", 1, "--window", 3, *QUICK]
    assert imagemill("render", prompts, "--out", tmp_path / "together", "--phase", "together", *usual).code == 0
    assert sorted(loads) == ["picture", "text"]

    held: list[bool] = []
    generator: Any = load_generator(str(checkpoints("sd1")), "cpu", PLAIN, False)  # as a run does
    generator.own_encoder.release()
    generator.release()
    loads.clear()
    for half, other in ((generator.own_encoder, generator), (generator, generator.own_encoder)):
        real = half.ready
        monkeypatch.setattr(half, "ready", lambda o=other, r=real: (held.append(o._pipe is not None), r())[1])
    assert imagemill("render", prompts, "--out", tmp_path / "split", "--phase", "split", *usual).code == 0
    assert loads == ["text", "picture"] * 3  # windows of 3, 3 and 1 shards
    assert held and not any(held)
    assert pictures(tmp_path / "split") == pictures(tmp_path / "together")


@pytest.mark.parametrize(("free", "turns"), [(10**6, True), (10**9, False)])
def test_without_being_told_the_free_memory_decides(
    free: int, turns: bool, prompts: Path, tmp_path: Path, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.plans.render.free_memory", lambda device: free)
    job = RenderJob(prompts=str(prompts), out=str(tmp_path / "run"), generator=str(checkpoints("sd1")))
    assert Plan(job, tmp_path / "spool").split is turns
    assert Plan(job.model_copy(update={"phase": "split"}), tmp_path / "spool").split
    assert not Plan(job.model_copy(update={"generator": "dummy"}), tmp_path / "spool").split


def test_where_only_other_machines_have_the_gpu_the_plan_asks_nothing_of_it(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("flows.plans.render.has_device", lambda device: False)
    places = {"prompts": str(prompts), "out": str(tmp_path / "run"), "generator": str(checkpoints("sd1"))}
    plan = Plan(RenderJob(**places, device="cuda", runner="ray"), tmp_path / "spool")
    assert (plan.batch_size, plan.split) == (32, False)
    ours = Plan(RenderJob(**{**places, "generator": "default"}, device="cuda", runner="ray"), tmp_path / "spool2")
    assert ours.record()["generator"]["name"] == "default"


def test_an_encoder_that_cannot_be_loaded_ends_the_run_in_a_sentence(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_size": 64}))  # not that of its weights
    imagemill("render", prompts, "--out", tmp_path / "run", "--generator", folder, *QUICK).refused("cannot be loaded")
    assert not (tmp_path / "run" / "quarantine").exists()


@pytest.mark.parametrize("family", ["sdxl", "z-image", "qwen-image"])
def test_features_that_are_kept_spare_the_encoder(
    family: str, prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill, loads: list[str]
) -> None:
    write(prompts, ROWS[:6])
    usual = ["--generator", checkpoints(family), "--batch-size", 2, "--dtype", "bfloat16"]
    keep = ["--keep-features", tmp_path / "features"]
    assert imagemill("render", prompts, "--out", tmp_path / "first", *usual, *keep, *QUICK).code == 0
    assert sorted(loads) == ["picture", "text"]

    loads.clear()
    load_generator.cache_clear()
    other = ["--steps", 3, "--width", 48, "--height", 48, "--shard-size", 2, "--no-report"]
    write(prompts, [{**row, "seed": 12, "width": 48} for row in ROWS[:4]])
    outcome = imagemill("render", prompts, "--out", tmp_path / "second", *usual, *keep, *other)
    assert outcome.code == 0, outcome.err
    assert loads == ["picture"]
    assert imagemill("render", prompts, "--out", tmp_path / "without", *usual, *other).code == 0
    assert loads == ["picture", "text"]
    assert pictures(tmp_path / "second") == pictures(tmp_path / "without")


def test_kept_features_that_cannot_be_had_at_once_are_asked_for_again(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiccups = [StorageError("s3://bucket: the store is busy.", passing=True)]
    real = FeatureFolder.find

    def find(folder: FeatureFolder, keys: list[str]) -> Any:
        if keys and hiccups:
            raise hiccups.pop()
        return real(folder, keys)

    monkeypatch.setattr(FeatureFolder, "find", find)
    write(prompts, ROWS[:2])
    keep = ["--generator", checkpoints("sd1"), "--keep-features", tmp_path / "features"]
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", *keep, *QUICK)
    assert outcome.code == 0, outcome.err
    assert not hiccups


def test_a_text_that_is_cut_is_told_whoever_made_its_features(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill, loads: list[str]
) -> None:
    long = "a red cat " * 12
    told = {"short": {"text": "a red cat"}, "long": {"text": long}, "away": {"text": "a dog", "negative_text": long}}
    write(prompts, [{"id": id, **row} for id, row in told.items()])
    usual = ["--generator", checkpoints("sdxl"), "--keep-features", tmp_path / "features", *QUICK]
    for run in (tmp_path / "first", tmp_path / "second"):
        load_generator.cache_clear()
        outcome = imagemill("render", prompts, "--out", run, *usual)
        assert (outcome.code, outcome.err) == (0, "")
        assert re.search(r"texts cut\W+2\b", outcome.out)
        made = {row["id"]: row["text_cut"] for row in table(str(run), "metadata").to_pylist()}
        assert made == {"short": False, "long": True, "away": True}
    assert sorted(loads) == ["picture", "picture", "text"]  # the second run's features were kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--generator", "dummy", "--steps", 4], ["--steps", "dummy does not support it"]),
        (["--generator", "dummy", "--dtype", "bfloat16"], ["no diffusers checkpoint", "dtype"]),
        (["--generator", "dummy", "--phase", "split"], ["--phase", "dummy has no text encoder of its own"]),
        (["--generator", "dummy", "--keep-features", "kept"], ["--keep-features", "dummy has no text encoder of its"]),
        (["--generator", "dummy", "--encoder", "nonsense"], ["--encoder: the generator dummy reads no text"]),
        (["--generator", "default", "--width", 4096], ["4096 x 128 cannot be made: choose 16 to 2048 pixels a side"]),
        (["--width", 33], ["makes no picture of 33 x 32", "give multiples of 2 pixels"]),
        (["--encoder", "minilm"], ["--encoder", "its own text encoders"]),
        (["--scheduler", "FlowMatchEulerDiscreteScheduler"], ["which does not fit", "choose one of"]),
    ],
)
def test_options_that_are_of_no_use_are_refused(
    options: list[object], words: list[str], prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill
) -> None:
    generator = [] if "--generator" in options else ["--generator", checkpoints("sd1")]
    imagemill("render", prompts, "--out", tmp_path / "run", *generator, *options).refused(*words)
    assert not (tmp_path / "run" / "metadata").exists()


def test_a_file_in_the_place_of_kept_features_is_told_before_the_run(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill
) -> None:
    place = tmp_path / "features"
    place.write_text("notes")
    options = ["--generator", checkpoints("sd1"), "--keep-features", place]
    imagemill("render", prompts, "--out", tmp_path / "run", *options).refused(str(place), "a file stands where")
    assert place.read_text() == "notes"
    assert not (tmp_path / "run").exists()


def test_columns_that_a_generator_has_no_use_for_are_carried(prompts: Path, tmp_path: Path, imagemill: Mill) -> None:
    write(prompts, [ROWS[2]])
    assert imagemill("render", prompts, "--out", tmp_path / "run", "--generator", "dummy", "--no-report").code == 0
    row = table(str(tmp_path / "run"), "metadata").to_pylist()[0]
    assert (row["negative_text"], row["input_negative_text"]) == (None, "rain")


def test_out_of_memory_halves_the_batch_and_remembers(
    prompts: Path, tmp_path: Path, checkpoints: Checkpoints, imagemill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_limit.cache_clear()
    given: dict[int, list[int]] = {}
    real = UNet2DConditionModel.forward

    def limited(unet: UNet2DConditionModel, sample: torch.Tensor, *more: Any, **named: Any) -> Any:
        given.setdefault(sample.shape[-1], []).append(len(sample))
        if len(sample) > 4 and sample.shape[-1] > 8:  # two pictures, as both sides of guidance run at once
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(unet, sample, *more, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", limited)
    edges = [32] * 6 + [16]
    rows = [{"id": str(i), "text": f"a cat, number {i}", "width": edge, "height": edge} for i, edge in enumerate(edges)]
    write(prompts, rows)
    usual = ["--generator", checkpoints("sd1"), "--batch-size", 8, "--shard-size", 3, *QUICK]
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", *usual)
    assert outcome.code == 0, outcome.err
    assert len(pictures(tmp_path / "run")) == 7
    small, large = (given[edge] for edge in sorted(given))  # shards are rendered in any order
    assert large[:3] == [16, 8, 4]
    assert set(large[2:]) == {4}  # the second shard begins with what fits
    assert set(small) == {16}  # of a smaller size more does
    batch_limit.cache_clear()
