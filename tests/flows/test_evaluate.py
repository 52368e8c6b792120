"""A judge is trained and judges: the data set's own pictures first, then a generator's, in one table."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flows.evaluate import run_evaluation
from flows.jobs.evaluate import EvaluateJob
from flows.jobs.train import JudgeJob
from flows.train import run_training
from tasks.runfolder.errors import BadInput
from tests.tiny import write_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "dataset"
    write_tiny(folder, scenes=240)
    return folder


def test_a_judge_learns_and_a_table_compares_the_data_set_with_generators(dataset: Path, tmp_path: Path) -> None:
    judge = tmp_path / "judge"
    trained = run_training(JudgeJob(dataset=str(dataset), out=judge, steps=60, batch=8, every=60))
    assert trained.figures["held-out place"] > 0.2  # of nine
    with pytest.raises(BadInput, match="--device gpu: torch finds no such device"):
        run_training(JudgeJob(dataset=str(dataset), out=judge, steps=60, batch=8, device="gpu"))
    with pytest.raises(BadInput, match=r"other settings \(--batch was 8, --seed was 0\)"):
        run_training(JudgeJob(dataset=str(dataset), out=judge, steps=60, batch=4, seed=1))
    job = EvaluateJob(generators=["dummy", "dummy"], dataset=str(dataset), out=tmp_path / "out", judge=judge)
    made = run_evaluation(job.model_copy(update={"names": 3, "scenes": 6, "seeds": 2}))
    assert list(made.figures) == ["data set", "dummy", "dummy 2"]
    assert made.figures["dummy"]["variety"] > 0
    assert json.loads((tmp_path / "out" / "table.json").read_text()).keys() == made.figures.keys()
    assert "| composition, place |" in (tmp_path / "out" / "table.md").read_text()
    assert Image.open(tmp_path / "out" / "dummy" / "scenes.png").height == 128
    assert (tmp_path / "out" / "asked.csv").read_text().startswith("group,text,right")


def test_what_cannot_be_judged_is_told_before_anything_is_written(dataset: Path, tmp_path: Path) -> None:
    job = EvaluateJob(generators=["dummy"], dataset=str(dataset), out=tmp_path / "out")
    with pytest.raises(BadInput, match=r"does not know .* T0"):
        run_evaluation(job)
    judge = tmp_path / "judge"
    run_training(JudgeJob(dataset=str(dataset), out=judge, steps=1, batch=4))
    with pytest.raises(BadInput, match="no folder 'none'"):
        run_evaluation(job.model_copy(update={"judge": judge, "generators": ["dummy", "none"]}))
    assert not job.out.exists()


def test_without_a_judge_or_scenes_it_ends_in_a_sentence(dataset: Path, tmp_path: Path) -> None:
    job = EvaluateJob(generators=["dummy"], dataset=str(dataset), out=tmp_path / "out", judge=tmp_path / "none")
    with pytest.raises(BadInput, match="no config"):
        run_evaluation(job)
    with pytest.raises(BadInput, match="what its pictures show"):
        photos = tmp_path / "photos"
        write_tiny(photos, scenes=0)
        run_training(JudgeJob(dataset=str(_plain(photos)), out=tmp_path / "judge", steps=1))


def _plain(folder: Path) -> Path:
    """The data set as if it had been a user's: nothing is recorded of what its pictures show."""
    for path in folder.glob("pictures-*.parquet"):
        table = pq.read_table(path)
        at = table.column_names.index("objects")
        pq.write_table(table.set_column(at, "objects", pa.array([[]] * len(table), table["objects"].type)), path)
    return folder
