"""The latent families: each learns, goes on exactly after a kill, generates, and says what is wrong in a sentence."""

import io
import math
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import load_file

from flows.jobs.train import AutoencoderJob, FlowJob, GanJob, VaeJob
from flows.train import run_training
from models.checkpoint import NotFinite
from models.generators.latent import rectified_flow
from models.generators.registry import load_generator
from tasks.runfolder.errors import BadInput
from tasks.training.families.rectified_flow import FlowFamily
from tasks.training.output_folder import STATE
from tests.flows.killed import train_until_killed
from tests.tiny import WordEncoder, write_tiny

pytestmark = pytest.mark.slow

LatentJob = AutoencoderJob | GanJob | FlowJob
JOBS: dict[str, type[LatentJob]] = {"autoencoder": AutoencoderJob, "gan": GanJob, "flow": FlowJob}
SMALL: dict[str, Any] = {"encoder": "words", "width": 64, "layers": 1, "batch": 8, "steps": 4, "every": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny") / "dataset"
    write_tiny(folder)
    return str(folder)


@pytest.fixture(scope="module")
def trained(dataset: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each family."""
    folder = tmp_path_factory.mktemp("trained")
    made = {}
    for family in JOBS:
        made[family] = folder / family
        summary = run_training(job(family, dataset, made[family], folder / "autoencoder"), WordEncoder())
        assert summary.steps == 4
        assert all(math.isfinite(value) for value in summary.figures.values())
    return made


def job(family: str, dataset: str, out: Path, autoencoder: Path | None = None, **more: Any) -> LatentJob:
    options = SMALL | {"dataset": dataset, "out": out, "cache": out.parent / "cache"}
    options |= {"size": 32, "pictures": 4} if family == "autoencoder" else {"autoencoder": autoencoder}
    return JOBS[family].model_validate(options | more)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Everything that a checkpoint holds."""
    files = sorted(file for file in folder.rglob("*.safetensors") if "cache" not in file.parts and file.name != STATE)
    return {
        f"{file.parent.relative_to(folder)}/{name}": value for file in files for name, value in load_file(file).items()
    }


@pytest.mark.parametrize("family", JOBS)
def test_training_killed_at_once_and_resumed_gives_the_same_weights(
    family: str, dataset: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    wanted = job(family, dataset, tmp_path / "killed", trained["autoencoder"])
    train_until_killed(run_training, wanted, WordEncoder(), state=wanted.out / STATE)
    assert run_training(wanted, WordEncoder()).steps == 4
    once, resumed = weights(trained[family]), weights(wanted.out)
    assert once.keys() == resumed.keys()
    assert all(torch.equal(once[name], resumed[name]) for name in once)


@pytest.mark.parametrize("family", JOBS)
def test_a_row_is_the_same_in_any_company_and_another_seed_makes_another_picture(
    family: str, trained: dict[str, Path]
) -> None:
    generator = load_generator(str(trained[family]))
    assert (generator.encoder, generator.size) == ("words", 32)
    features = WordEncoder().encode(["a dog", "a red car by the sea", "球", "a dog"])
    together = generator.generate(features, [1, 2, 3, 4], 32, 32)
    assert together.shape == (4, 3, 32, 32)
    assert together.min() >= 0
    assert together.max() <= 1
    assert torch.equal(together.flip(0), generator.generate(features[::-1], [4, 3, 2, 1], 32, 32))
    assert torch.equal(together[1], generator.generate(features[1:2], [2], 32, 32)[0])
    assert (together[0] - together[3]).abs().mean() > 0.001
    assert generator.generate(features[:1], [1], 50, 20).shape == (1, 3, 20, 50)
    with pytest.raises(ValueError, match=r"features \(tokens, 24\)"):
        generator.generate([torch.zeros(3, 640)], [1], 32, 32)


def test_a_flow_checkpoint_opens_with_diffusers_and_takes_features_as_the_encoder_makes_them(
    trained: dict[str, Path],
) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel.from_pretrained(trained["flow"], subfolder="transformer")
    FlowMatchEulerDiscreteScheduler.from_pretrained(trained["flow"], subfolder="scheduler")
    words = WordEncoder().encode(["a dog"])[0][None]
    with torch.inference_mode():
        made = transformer(torch.zeros(1, 16, 4, 4), words, torch.tensor([500.0]), return_dict=False)[0]
    assert made.shape == (1, 16, 4, 4)
    assert made.abs().sum() > 0


def test_a_flow_is_fine_tuned_with_adapters_which_are_merged_and_kept_apart(
    dataset: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    more = job("flow", dataset, tmp_path / "fine", start=trained["flow"], lora=4, rate=0.01)
    assert run_training(more, WordEncoder()).steps == 4
    before, after = weights(trained["flow"]), weights(more.out)
    adapters = {name for name in after if name.startswith("lora/")}
    assert adapters
    assert (more.out / "lora" / "README.md").read_text().startswith("Adapters")  # not the empty form that peft fills in
    assert after.keys() - adapters == before.keys()
    changed = {name for name in before if not torch.allclose(before[name].float(), after[name].float(), atol=2e-3)}
    assert changed
    assert all(".attn" in name for name in changed)
    assert load_generator(str(more.out)).generate(WordEncoder().encode(["a dog"]), [1], 32, 32).isfinite().all()


@pytest.mark.parametrize("family", ["autoencoder", "gan"])
def test_fine_tuning_begins_with_the_checkpoint_s_weights(
    family: str, dataset: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    more = job(family, dataset, tmp_path / "fine", start=trained[family], rate=1e-9, steps=1)
    run_training(more, WordEncoder())
    features = WordEncoder().encode(["a dog"])
    before, after = (load_generator(str(f)).generate(features, [1], 32, 32) for f in (trained[family], more.out))
    assert torch.allclose(before, after, atol=0.02)


def test_what_does_not_fit_is_refused_in_a_sentence_and_leaves_no_checkpoint(
    dataset: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    one, wide = WordEncoder(), WordEncoder()
    wide.width, wide.digest = 32, "1" * 64
    cases: list[tuple[str, LatentJob, WordEncoder]] = [
        ("train one, and give it as --autoencoder", job("flow", dataset, tmp_path / "1"), WordEncoder()),
        ("family 'gan'", job("gan", dataset, tmp_path / "2", trained["gan"]), WordEncoder()),
        ("family 'flow'", job("gan", dataset, tmp_path / "3", start=trained["flow"]), WordEncoder()),
        ("features of 24 numbers", job("flow", dataset, tmp_path / "4", start=trained["flow"]), wide),
        ("not a model", job("gan", dataset, tmp_path / "5", start=tmp_path), WordEncoder()),
        ("stopped being a number", job("autoencoder", dataset, tmp_path / "6", rate=1e30), WordEncoder()),
        ("weights stopped being", job("autoencoder", dataset, tmp_path / "7", rate=1e30, every=1), one),
        ("no such device", job("gan", dataset, tmp_path / "8", trained["autoencoder"], device="gpu"), one),
        ("--width: .* has 64", job("gan", dataset, tmp_path / "9", start=trained["gan"], width=128), one),
    ]
    for sentence, wanted, encoder in cases:
        with pytest.raises(BadInput, match=sentence):
            run_training(wanted, encoder)
        assert not (wanted.out / "config.json").exists()


def test_from_the_flow_to_the_first_step_the_call_goes_through_at_most_five_files(
    dataset: str, trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reached(Exception):
        pass

    def losses(family: FlowFamily, group: int, step: int) -> None:
        raise Reached

    monkeypatch.setattr(FlowFamily, "losses", losses)
    with pytest.raises(Reached) as reached:
        run_training(job("flow", dataset, tmp_path / "out", trained["autoencoder"]), WordEncoder())
    root = Path.cwd()
    on_the_way = [entry.path.relative_to(root) for entry in reached.traceback if entry.path.is_relative_to(root)]
    files = {str(path) for path in on_the_way if path.parts[0] in ("flows", "tasks", "models")}
    assert files == {"flows/train.py", "flows/stages/train.py", "tasks/training/trainer.py"}  # and the family's own two


def test_options_that_do_not_go_together_are_refused(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="give it as --from"):
        job("flow", dataset, tmp_path / "out", lora=4)
    with pytest.raises(ValidationError, match="its own codec"):
        job("gan", dataset, tmp_path / "out", tmp_path / "autoencoder", start=tmp_path / "gan")
    with pytest.raises(ValidationError, match="a folder on this machine"):
        job("flow", dataset, Path("s3://bucket/out"), cache=tmp_path)
    with pytest.raises(ValidationError, match="nothing would learn"):
        VaeJob(dataset=dataset, out=tmp_path / "out", captions=0, pictures=0, sprites=0)


def test_a_job_that_was_refused_can_be_mended_and_files_of_the_cache_that_were_cut_short_are_made_again(
    dataset: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="family 'flow'"):
        run_training(job("gan", dataset, tmp_path / "out", start=trained["flow"]), WordEncoder())
    shutil.copytree(trained["gan"].parent / "cache", tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    run_training(job("gan", dataset, tmp_path / "out", trained["autoencoder"]), WordEncoder())
    once, again = weights(trained["gan"]), weights(tmp_path / "out")
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_a_training_begins_on_two_words(tmp_path: Path) -> None:
    pixels = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(pixels, "PNG")
    for caption in ("a", "ab"):
        pq.write_table(pa.table({"image": [pixels.getvalue()], "caption": [caption]}), tmp_path / "one.parquet")
        assert run_training(job("autoencoder", str(tmp_path), tmp_path / caption), WordEncoder()).steps == 4


@pytest.mark.parametrize("caption", ["狗狗狗狗", "狗"])  # with three tokens after the first, and with none
def test_a_data_set_whose_captions_are_all_alike_trains_to_a_checkpoint_that_generates(
    caption: str, tmp_path: Path
) -> None:
    pixels = io.BytesIO()
    Image.effect_noise((40, 40), 80).convert("RGB").save(pixels, "PNG")
    (tmp_path / "data").mkdir()
    rows = pa.table({"image": [pixels.getvalue()] * 9, "caption": [caption] * 9})
    pq.write_table(rows, tmp_path / "data" / "alike.parquet")
    run_training(job("autoencoder", str(tmp_path / "data"), tmp_path / "autoencoder"), WordEncoder())
    for family in ("gan", "flow"):
        run_training(job(family, str(tmp_path / "data"), tmp_path / family, tmp_path / "autoencoder"), WordEncoder())
    for family in JOBS:
        assert all(tensor.isfinite().all() for tensor in weights(tmp_path / family).values())
        generator = load_generator(str(tmp_path / family))
        assert generator.generate(WordEncoder().encode(["a red car", caption]), [1, 2], 32, 32).isfinite().all()


def test_a_flow_that_half_precision_cannot_hold_leaves_the_last_good_checkpoint(
    dataset: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "flow"
    shutil.copytree(trained["flow"], out)
    before = weights(out)
    model = rectified_flow.load(out)
    model.normalise.spread.fill_(1e-7)  # what the first layer is divided by
    with pytest.raises(NotFinite, match="caption_projection"):
        rectified_flow.save(out, model, model.config, "")
    after = weights(out)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_truncated_pickled_and_missing_weights_are_refused(trained: dict[str, Path], tmp_path: Path) -> None:
    for family, file in (("gan", "model"), ("flow", "transformer/diffusion_pytorch_model")):
        folder = tmp_path / family
        shutil.copytree(trained[family], folder)
        path = folder / f"{file}.safetensors"
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(ValueError, match="damaged or cut short"):
            load_generator(str(folder))
        path.rename(path.with_suffix(".bin"))
        with pytest.raises(ValueError, match="pickled"):
            load_generator(str(folder))


def test_rows_with_broken_pictures_or_no_caption_are_left_out_and_listed(dataset: str, tmp_path: Path) -> None:
    rows = pq.read_table(Path(dataset) / "pictures-00000.parquet").to_pylist()[:20]
    rows[3]["image"]["bytes"] = rows[3]["image"]["bytes"][:200]
    rows[5]["image"]["bytes"] = b"no picture"
    rows[7]["caption"] = " "
    rows[9]["image"] = None
    shown = [{"image": row["image"], "caption": row["caption"]} for row in rows]
    (tmp_path / "own").mkdir()
    pq.write_table(pa.Table.from_pylist(shown), tmp_path / "own" / "mine.parquet")
    summary = run_training(job("autoencoder", str(tmp_path / "own"), tmp_path / "out"), WordEncoder())
    assert summary.refused == 4
    listed = (tmp_path / "out" / "refused.csv").read_text().splitlines()
    assert {line.rsplit(",", 1)[0] for line in listed[1:]} == {f"mine.parquet,{i}" for i in (3, 5, 7, 9)}


def test_a_data_set_without_one_good_picture_or_caption_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [b"no picture"], "caption": ["a dog"]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="mend the pictures"):
        run_training(job("autoencoder", str(tmp_path), tmp_path / "out"), WordEncoder())
    pq.write_table(pa.table({"image": [b"no picture"], "caption": [""]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="Not one row"):
        run_training(job("autoencoder", str(tmp_path), tmp_path / "out"), WordEncoder())
    pq.write_table(pa.table({"image": [b"no picture"], "title": [""]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="no column 'caption'"):
        run_training(job("autoencoder", str(tmp_path), tmp_path / "out"), WordEncoder())
    pq.write_table(pa.table({"image": ["a.png"], "caption": ["a dog"]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="mend the pictures"):
        run_training(job("autoencoder", str(tmp_path), tmp_path / "out"), WordEncoder())
    pq.write_table(pa.table({"image": [b"no picture"], "caption": [7]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="Not one row"):
        run_training(job("autoencoder", str(tmp_path), tmp_path / "out"), WordEncoder())
    (tmp_path / "a.parquet").rename(tmp_path / "pictures-00000.parquet")
    with pytest.raises(BadInput, match="half a data set"):
        run_training(job("autoencoder", str(tmp_path), tmp_path / "out"), WordEncoder())
