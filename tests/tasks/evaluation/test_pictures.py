"""Pictures of an evaluation's questions: one a name and scene, several of the first scenes, each with its own seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from models.protocols import Generator
from tasks.evaluation.pictures import no_features, pictures_of, write_grids
from tasks.evaluation.questions import Named, Questions, Scene
from tasks.training.data.captioned import CaptionedDataset


class Seeds(Generator):
    """Writes a picture's seed into its pixels."""

    name, digest, encoder, size = "seeds", "0", None, 8

    def generate(
        self,
        features: Sequence[Any],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
    ) -> Tensor:
        assert len(features) == len(seeds) <= 32
        return torch.tensor(seeds).view(-1, 1, 1, 1).expand(-1, 3, height, width) / 1e8


QUESTIONS = Questions(
    CaptionedDataset([], [], torch.zeros(0, 4, 128, 128)),
    [Named(row, f"name {row}", "g", frozenset({"a", f"b{row}"})) for row in range(40)],
    [Scene(100 + row, f"scene {row}", None, None, ()) for row in range(18)],
)


def test_each_question_has_a_picture_of_its_own_seed_and_the_first_scenes_have_several() -> None:
    told: list[int] = []
    made = pictures_of(Seeds(), no_features, QUESTIONS, seeds=3, seed=7, done=told.append)
    assert made.names.shape == (40, 3, 8, 8)
    assert (made.names[:, 0, 0, 0] * 1e8).round().long().tolist() == list(range(7, 47))
    assert (made.scenes[:, 0, 0, 0] * 1e8).round().long().tolist() == list(range(107, 125))
    assert made.repeated.shape == (16, 3, 3, 8, 8)
    assert len(made.repeated[..., 0, 0, 0].unique()) == 48
    assert told == sorted(told) and told[-1] == QUESTIONS.pictures(3) == 40 + 18 + 48
    assert made.seconds_generating > 0


def test_grids_have_whole_rows_of_eight(tmp_path: Path) -> None:
    write_grids(tmp_path, pictures_of(Seeds(), no_features, QUESTIONS, 2, 0, lambda done: None))
    assert Image.open(tmp_path / "names.png").size == (8 * 8, 5 * 8)
    assert Image.open(tmp_path / "scenes.png").size == (8 * 8, 2 * 8)


def test_questions_know_every_concept_that_may_be_right() -> None:
    assert QUESTIONS.concepts() == {"a", *(f"b{row}" for row in range(40))}
