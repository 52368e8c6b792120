"""The judge: it learns what pictures show, and its file is read back or refused in a sentence."""

from pathlib import Path

import pytest
import torch

from models import checkpoint
from models.judge.model import Judge, JudgeConfig, load_judge

CONFIG = JudgeConfig(("cat", "dog", "car"), ("red", "blue"), ("beach", "plain"), ("sunny", "plain"), width=16, key=8)


@pytest.mark.parametrize("edge", [64, 128])
def test_a_picture_of_any_size_gets_a_verdict(edge: int) -> None:
    judge = Judge(CONFIG).eval()
    verdict = judge(torch.rand(2, 3, edge, edge))
    assert verdict.there.shape == (2, 16, 16)
    assert verdict.colours.shape == (2, 3, 16, 16)
    assert verdict.embedding.norm(dim=1).sub(1).abs().max() < 1e-4
    assert judge.ranking(verdict).shape == (2, 3)
    assert len(judge.things(verdict)) == 2


def test_what_was_saved_judges_the_same_and_what_is_no_judge_is_refused(tmp_path: Path) -> None:
    judge = Judge(CONFIG).eval()
    checkpoint.save(tmp_path / "judge", "judge", CONFIG, judge, "a card")
    again = load_judge(tmp_path / "judge")
    assert again.config == CONFIG
    picture = torch.rand(1, 3, 64, 64)
    assert torch.allclose(judge(picture).place, again(picture).place, atol=0.05)
    with pytest.raises(ValueError, match="no config"):
        load_judge(tmp_path / "none")
    checkpoint.save(tmp_path / "other", "vae", CONFIG, judge, "a card")
    with pytest.raises(ValueError, match="not a judge"):
        load_judge(tmp_path / "other")
