"""A reward model learns the taste of whoever votes, and is not saved where there is none."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.judge.reward import RewardConfig, RewardModel
from models.text.text_encoder import load_text_encoder
from tasks.feedback.pictures import run_pictures
from tasks.feedback.reward import compared, features_of, held_out, lower_bound, train_reward
from tasks.feedback.votes import MOST_ROWS, PAIRS, Pair, Picture, pair_row
from tasks.loading.models import load_encoder, load_generator
from tasks.render.rank import _best, load_reward, rank
from tasks.render.shard_state import Picture as RenderedPicture
from tasks.render.shard_state import Prompt, RenderShard
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import to_parquet
from tests.tasks.run_folder import make_run

PAIRS_GIVEN, PICTURES = 500, 240


@pytest.fixture(scope="module")
def encoder() -> object:
    return load_text_encoder("gemma", "cpu")


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose pictures a rater compared who likes them warm and bright."""
    run = tmp_path_factory.mktemp("rated") / "run"
    make_run(run, pictures=PICTURES, prompts=[f"a kite number {i}" for i in range(30)])
    vote(run, lambda a, b: "a" if taste(run, a) > taste(run, b) else "b")
    return run


@cache
def taste_of(file: Path) -> float:
    red, green, blue = np.asarray(Image.open(file).convert("RGB"), float).mean((0, 1))
    return float(2 * red + green - blue)


def taste(run: Path, picture: Picture) -> float:
    return taste_of(run / picture.image)


def vote(run: Path, choose: Callable[[Picture, Picture], str]) -> None:
    import pyarrow as pa

    pictures = run_pictures(Storage(str(run)))
    same: dict[str, list[Picture]] = {}
    for picture in pictures.values():
        same.setdefault(picture.caption, []).append(picture)
    chance = random.Random(0)
    rows = []
    for number in range(PAIRS_GIVEN):
        a, b = chance.sample(chance.choice(list(same.values())), 2)
        given = Pair(vote=f"vote-{number:05d}", a=a.uid, b=b.uid, choice=choose(a, b))  # type: ignore[arg-type]
        rows.append(pair_row(given, pictures))
    assert len(rows) <= MOST_ROWS
    Storage(str(run)).write("feedback/pairs-test-00000.parquet", to_parquet(pa.Table.from_pylist(rows, schema=PAIRS)))


@pytest.fixture(scope="module")
def model(rated: Path, encoder: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reward") / "model"
    train_reward([str(rated)], out, encoder, "gemma")  # type: ignore[arg-type]
    return out


def test_a_taste_is_learned_from_500_pairs(rated: Path, encoder: object, model: Path) -> None:
    config = RewardModel.load(model).config
    assert config.pairs == PAIRS_GIVEN
    assert config.accuracy >= 0.85
    assert 0.5 < config.at_least < config.accuracy
    with pytest.raises(BadInput, match="there is a model already"):
        train_reward([str(rated)], model, encoder, "gemma")  # type: ignore[arg-type]


def test_shuffled_votes_are_refused(rated: Path, encoder: object, tmp_path: Path) -> None:
    found = compared([str(rated)])
    pictures, texts = features_of(found, encoder)  # type: ignore[arg-type]
    config = RewardConfig("gemma", "", pictures.shape[1], texts.shape[1], len(found.pairs), 0.0, 0.0)
    assert lower_bound(held_out(found, pictures, texts, config)) > 0.7
    for seed in range(2):
        labels = found.labels[torch.randperm(len(found.labels), generator=torch.Generator().manual_seed(seed))]
        assert lower_bound(held_out(replace(found, labels=labels), pictures, texts, config)) < 0.5
    shuffled = make_run(tmp_path / "run", pictures=48)
    chance = random.Random(3)
    vote(shuffled, lambda a, b: chance.choice("ab"))
    with pytest.raises(BadInput, match="may be chance; it is not saved"):
        train_reward([str(shuffled)], tmp_path / "model", encoder, "gemma")  # type: ignore[arg-type]
    assert not (tmp_path / "model").exists()


def test_few_votes_are_refused_with_what_is_missing(encoder: object, tmp_path: Path) -> None:
    make_run(tmp_path / "run", pictures=2)
    with pytest.raises(BadInput, match="compare at least 40"):
        train_reward([str(tmp_path / "run")], tmp_path / "model", encoder, "gemma")  # type: ignore[arg-type]


def test_what_is_no_run_or_no_reward_model_is_told(encoder: object, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no run here"):
        train_reward([str(tmp_path / "none")], tmp_path / "out", encoder, "gemma")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"no reward model; give the --out of `imagemill train reward`"):
        load_reward(str(tmp_path))


def test_the_bound_knows_that_pairs_of_one_text_hang_together() -> None:
    apart = {str(text): [text % 3 > 0] for text in range(150)}
    together = {str(text): [text % 3 > 0] * 10 for text in range(15)}
    assert 0.5 < lower_bound(apart) < 0.6
    assert lower_bound(together) < 0.4
    assert lower_bound({"a": [True] * 100}) == pytest.approx(0.913, abs=1e-3)


def test_the_best_of_several_gain_what_order_statistics_say(model: Path) -> None:
    """Of 8 pictures the best is 1.42 deviations above the mean, for a rater who is always right."""
    generator = load_generator("default", "cpu")
    reader = load_encoder(generator, "cpu")
    assert reader is not None
    texts = ["a sailing boat", "a house in a meadow", "two cats", "a bus in the city"]
    prompts = [Prompt(i, str(i), text, list(range(8 * i, 8 * i + 8)), 128, 128) for i, text in enumerate(texts)]
    work = RenderShard(None, prompts, [], None)  # type: ignore[arg-type]
    features = reader.encode(texts)
    for prompt, feature in zip(prompts, features, strict=True):
        for number, pixels in enumerate(generator.generate([feature] * 8, prompt.seeds, 128, 128)):
            picture = RenderedPicture(prompt, number)
            picture.pixels = pixels
            work.pictures.append(picture)
    every = list(work.pictures)
    rank(work, load_reward(str(model)), reader, 2)
    assert [sum(p.prompt is prompt for p in work.pictures) for prompt in prompts] == [2] * 4
    gains = []
    for prompt in prompts:
        liked = {p.number: liking(p) for p in every if p.prompt is prompt}
        best = max((p for p in every if p.prompt is prompt), key=lambda p: p.reward or 0)
        gains.append((liked[best.number] - np.mean(list(liked.values()))) / np.std(list(liked.values())))
    assert 0.7 < np.mean(gains) < 2.2
    assert _best(every, 1) == [max((p for p in every if p.prompt is q), key=lambda p: p.reward or 0) for q in prompts]


def liking(picture: RenderedPicture) -> float:
    assert picture.pixels is not None
    red, green, blue = picture.pixels.mean((1, 2)).tolist()
    return float(2 * red + green - blue)
