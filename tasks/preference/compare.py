"""Compares two generators on held-out scenes: how often the new one's picture is preferred, and what the judge sees.

Both make a picture of each sentence from the same seed; the reward model says which is preferred. The judge says what
share of the asked attributes the pictures have. A new model is better if the lower bound of its win rate is above one
half and its composition is not lower.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from models.judge.model import Judge
from models.judge.reward import RewardModel, picture_features, text_features
from models.protocols import Generator, TextEncoder
from tasks.evaluation.questions import Scene
from tasks.evaluation.scores import judged, scene_scores
from tasks.feedback.reward import lower_bound
from tasks.loading.models import load_encoder

_AT_ONCE = 16
COMPOSITION = "composition, all"


@dataclass(frozen=True)
class Evidence:
    """What a comparison came to.

    Attributes:
        old, new: name and digest of each generator.
        prompts: how many sentences; ties: of how many the two pictures have the same reward.
        win_rate: of the new one among the others; at_least: its lower bound (one-sided, 99.9 %).
        composition_old, composition_new: shares of the asked attributes that the judge sees.
    """

    old: dict[str, str]
    new: dict[str, str]
    prompts: int
    ties: int
    win_rate: float
    at_least: float
    composition_old: float
    composition_new: float

    @property
    def refused(self) -> str | None:
        """Why the new model is not taken; None if it is better."""
        if self.prompts == self.ties:
            return f"its pictures of all {self.prompts} sentences are liked as much as the old one's"
        if self.at_least <= 0.5:
            return (
                f"its pictures are preferred in {self.win_rate:.1%} of {self.prompts - self.ties} sentences, at least "
                f"{self.at_least:.1%}, which may be chance"
            )
        if self.composition_new < self.composition_old:
            return (
                f"the judge sees {self.composition_new:.1%} of what is asked for, and {self.composition_old:.1%} with "
                "the old one"
            )
        return None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    old: Generator,
    new: Generator,
    scenes: list[Scene],
    judge: Judge,
    reward: RewardModel,
    reader: TextEncoder,
    device: str = "cpu",
) -> Evidence:
    """Generates and compares; `reader` is the text encoder of the reward model. Raises BadInput, ValueError."""
    texts = text_features(_encoded(reader, [scene.text for scene in scenes]))
    pictures = [_pictures(generator, scenes, device) for generator in (old, new)]
    rewards = [reward(picture_features(judge, made), texts) for made in pictures]
    gains = (rewards[1] - rewards[0]).tolist()
    wins = {f"{n} {scene.text}": [gain > 0] for n, (scene, gain) in enumerate(zip(scenes, gains, strict=True)) if gain}
    composition = [scene_scores(judge, judged(judge, made), scenes).get(COMPOSITION, 0.0) for made in pictures]
    return Evidence(
        old={"name": old.name, "digest": old.digest},
        new={"name": new.name, "digest": new.digest},
        prompts=len(scenes),
        ties=len(scenes) - len(wins),
        win_rate=sum(win for (win,) in wins.values()) / len(wins) if wins else 0.0,
        at_least=lower_bound(wins) if wins else 0.0,
        composition_old=composition[0],
        composition_new=composition[1],
    )


def _encoded(encoder: TextEncoder, texts: list[str]) -> list[Any]:
    return [one for start in range(0, len(texts), _AT_ONCE) for one in encoder.encode(texts[start : start + _AT_ONCE])]


@torch.inference_mode()
def _pictures(generator: Generator, scenes: list[Scene], device: str) -> Tensor:
    """One picture of each sentence, (n, 3, size, size), from seeds that only the sentence's row decides."""
    encoder = load_encoder(generator, device)
    features = [None] * len(scenes) if encoder is None else _encoded(encoder, [scene.text for scene in scenes])
    made = []
    for start in range(0, len(scenes), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        seeds = [scene.row for scene in scenes[part]]
        made.append(generator.generate(features[part], seeds, generator.size, generator.size).cpu())
    return torch.cat(made)
