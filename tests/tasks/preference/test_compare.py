"""A model is put to use only with evidence, and one command goes back to the one before."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli.promote import rollback
from flows.jobs.promote import PromoteJob
from flows.promote import compare_models, learn_taste, point
from models import checkpoint
from models.judge.model import load_judge
from models.judge.reward import RewardConfig, RewardModel, picture_features
from models.text.text_encoder import load_text_encoder
from tasks.loading.models import load_generator, resolve
from tasks.loading.promoted import current, promote, roll_back
from tasks.runfolder.errors import BadInput
from tests.tiny import write_tiny


def save_reward(folder: Path) -> str:
    """A reward model that likes what the default's pictures have and the dummy's have not."""
    encoder, judge = load_text_encoder("gemma", "cpu"), load_judge()
    seen, words = [], encoder.encode(["a dog on the beach", "a car in the city"])
    for name in ("dummy", "default"):
        made = load_generator(name, "cpu").generate(words * 2, [1001, 1002, 1003, 1004], 128, 128)
        seen.append(picture_features(judge, made).mean(0))
    known = len(seen[0])
    model = RewardModel(RewardConfig("gemma", encoder.digest, known, len(words[0][0]), 40, 0.9, 0.8))
    model.weight[:known] = seen[1] - seen[0]
    checkpoint.save(folder, "reward", model.config, model, "a card", exact=True)
    return str(folder)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> PromoteJob:
    base = tmp_path_factory.mktemp("promoted")
    write_tiny(base / "dataset", scenes=24)
    for path in (base / "dataset").glob("pictures-*.parquet"):  # all scenes are held out
        table = pq.read_table(path)
        held = pa.array(["test"] * len(table), table["split"].type)
        pq.write_table(table.set_column(table.column_names.index("split"), "split", held), path)
    return PromoteJob(
        candidate="default",
        over="dummy",
        to=base / "production",
        reward=save_reward(base / "taste"),
        dataset=str(base / "dataset"),
        scenes=20,
    )


def test_a_better_model_is_pointed_to_with_its_evidence(job: PromoteJob) -> None:
    evidence = compare_models.fn(job)
    assert (evidence.prompts, evidence.refused) == (20, None)
    assert evidence.at_least > 0.5 and evidence.composition_new > evidence.composition_old
    made = point.fn(job, evidence)
    assert made.model == "default" and made.digest == load_generator("default", "cpu").digest
    kept = json.loads((job.to / "promotions/00001.json").read_text())
    assert kept["evidence"]["win_rate"] == evidence.win_rate and kept["evidence"]["reward"] == job.reward
    assert load_generator(str(job.to), "cpu").name == "default", "the folder stands for the model"

    worse = replace(evidence, win_rate=0.55, at_least=0.45)
    assert "may be chance" in str(worse.refused)
    poorer = replace(evidence, composition_new=evidence.composition_old - 0.1)
    assert "the judge sees" in str(poorer.refused)


def test_what_is_not_preferred_is_refused_and_nothing_changes(job: PromoteJob, tmp_path: Path) -> None:
    to = tmp_path / "production"
    same = job.model_copy(update={"candidate": "dummy", "to": to})
    with pytest.raises(
        BadInput, match="dummy is not promoted over dummy: its pictures of all 20 sentences are liked as"
    ):
        compare_models.fn(same)
    with pytest.raises(BadInput, match="no run there has votes"):
        learn_taste.fn(job.model_copy(update={"runs": str(tmp_path)}))
    assert not to.exists()


def test_a_folder_goes_back_and_forth_between_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "models/production"
    for name in ("one", "two"):
        (tmp_path / "models" / name).mkdir(parents=True)
        promote(folder, str(tmp_path / "models" / name), name, None)
    assert resolve(str(folder)) == str(tmp_path / "models/two")
    assert json.loads((folder / "promotions/00002.json").read_text())["model"] == "../two", "both may be moved"
    assert rollback(folder) == 0
    assert "models/one again, no longer to" in capsys.readouterr().out
    now = current(folder)
    assert now is not None and now.model == str(tmp_path / "models/one")
    with pytest.raises(BadInput, match="is the first that was promoted"):
        roll_back(folder)
    assert promote(folder, "dummy", "", None).number == 3, "what was promoted stays in the history"
    assert roll_back(folder)[1].number == 1, "what was in use before, not what had been given up"
    with pytest.raises(BadInput, match="nothing has been promoted here"):
        roll_back(tmp_path)
    (folder / "current.json").write_text('{"promotion": 9}')
    with pytest.raises(BadInput, match=r"00009.json: damaged, does not say which model is in use"):
        current(folder)
