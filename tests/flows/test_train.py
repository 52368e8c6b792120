"""Training: it learns, it resumes exactly, and what it writes generates."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from flows.jobs.train import VaeJob
from flows.train import run_training
from models.generators.registry import load_generator
from tasks.runfolder.errors import BadInput
from tasks.training.output_folder import STATE
from tests.flows.killed import train_until_killed
from tests.tiny import WordEncoder, write_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "dataset"
    write_tiny(folder)
    return folder


def job(dataset: Path, out: Path, steps: int = 6) -> VaeJob:
    return VaeJob(
        dataset=str(dataset), out=out, steps=steps, captions=8, pictures=2, sprites=2, every=2, encoder="words"
    )


@pytest.fixture(scope="module")
def begun(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of two steps; tests read it, and train on from it elsewhere."""
    out = tmp_path_factory.mktemp("begun") / "out"
    assert run_training(job(dataset, out, steps=2), WordEncoder()).steps == 2
    return out


def test_training_killed_at_once_and_resumed_gives_the_same_weights(dataset: Path, tmp_path: Path) -> None:
    run_training(job(dataset, tmp_path / "undisturbed"), WordEncoder())
    wanted = job(dataset, tmp_path / "killed")
    train_until_killed(run_training, wanted, WordEncoder(), state=wanted.out / STATE)
    summary = run_training(wanted, WordEncoder())
    assert summary.steps == 6
    once, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("undisturbed", "killed"))
    assert once.keys() == resumed.keys()
    assert all(torch.equal(once[name], resumed[name]) for name in once)


def test_a_trained_checkpoint_generates(begun: Path) -> None:
    generator = load_generator(str(begun))
    assert generator.encoder == "words"
    picture = generator.generate(WordEncoder().encode(["a dog"]), [1], 128, 128)
    assert picture.shape == (1, 3, 128, 128)
    assert (begun / "samples" / "000002.png").stat().st_size > 1000


def test_training_on_from_a_checkpoint_with_pictures_alone_leaves_the_reader_as_it_is(
    dataset: Path, begun: Path, tmp_path: Path
) -> None:
    more = job(dataset, tmp_path / "second", steps=2).model_copy(
        update={"start": str(begun), "captions": 0, "sprites": 0}
    )
    run_training(more, WordEncoder())
    first, second = (load_file(folder / "model.safetensors") for folder in (begun, more.out))
    changed = {name.split(".")[0] for name in first if not torch.equal(first[name], second[name])}
    assert {"decoder", "encoder", "finish"} <= changed
    assert not changed & {"reader", "memory", "place", "object_pose", "props"}
    with pytest.raises(BadInput, match="no config"):
        run_training(
            more.model_copy(update={"start": str(tmp_path / "none"), "out": tmp_path / "third"}), WordEncoder()
        )
    other = WordEncoder()
    other.digest = "1" * 64
    with pytest.raises(BadInput, match="another encoder"):
        run_training(more.model_copy(update={"out": tmp_path / "third"}), other)


def test_another_job_in_the_same_folder_is_refused(dataset: Path, begun: Path) -> None:
    with pytest.raises(BadInput, match=r"other settings \(--steps was 2\)"):
        run_training(job(dataset, begun, steps=4), WordEncoder())


def test_another_data_set_under_a_training_is_refused(begun: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "other", scenes=3)
    with pytest.raises(BadInput, match="on other data"):
        run_training(job(tmp_path / "other", begun, steps=2), WordEncoder())


def test_a_folder_without_a_data_set_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no finished data set"):
        run_training(job(tmp_path, tmp_path / "out"), WordEncoder())


def test_a_checkpoint_learns_to_read_better_without_pictures(dataset: Path, begun: Path, tmp_path: Path) -> None:
    reading = job(dataset, tmp_path / "two", steps=2).model_copy(
        update={"start": str(begun), "pictures": 0, "sprites": 0}
    )
    run_training(reading, WordEncoder())
    one, two = (load_file(folder / "model.safetensors") for folder in (begun, reading.out))
    changed = {name.split(".")[0] for name in one if not torch.equal(one[name], two[name])}
    assert changed == {"reader", "object_pose", "z_prior"}
