"""A reward model: how much people like a picture for its text, from frozen features and a small linear head.

Bradley-Terry (1952): the chance that one picture of a text is preferred to another is the logistic function of the
difference of their rewards. The features are the judge's of the picture (what it sees: global features, place, sky,
things and their colours), and products of a few of them with the text encoder's, so that taste may depend on the text.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import checkpoint
from models.judge.model import Judge, Verdict

MIXED = 8  # components of picture and of text whose products are features, too


@dataclass(frozen=True)
class RewardConfig:
    """Configuration of a reward model in config.json."""

    encoder: str  # reference of the text encoder
    encoder_digest: str
    picture: int  # features of a picture
    text: int  # width of the text encoder's features
    pairs: int  # that it was trained on
    accuracy: float  # on held-out pairs
    at_least: float  # lower bound of it, one-sided, 99.9 %


class RewardModel(nn.Module):
    """Features of pictures and of their texts to a reward each."""

    mean: Tensor
    spread: Tensor
    picture_basis: Tensor
    text_basis: Tensor
    weight: Tensor

    def __init__(self, config: RewardConfig) -> None:
        super().__init__()
        self.config = config
        width = config.picture + MIXED * MIXED
        self.register_buffer("mean", torch.zeros(config.picture))
        self.register_buffer("spread", torch.ones(config.picture))
        self.register_buffer("picture_basis", torch.zeros(config.picture, MIXED))
        self.register_buffer("text_basis", torch.zeros(config.text, MIXED))
        self.register_buffer("weight", torch.zeros(width))

    def inputs(self, pictures: Tensor, texts: Tensor) -> Tensor:
        """The head's inputs (n, picture + 64) of features (n, picture) and (n, text)."""
        pictures = ((pictures - self.mean) / self.spread).clamp(-4, 4)
        mixed = (pictures @ self.picture_basis)[:, :, None] * (texts @ self.text_basis)[:, None]
        return torch.cat([pictures, mixed.flatten(1)], 1)

    def forward(self, pictures: Tensor, texts: Tensor) -> Tensor:
        """Rewards (n,)."""
        return self.inputs(pictures, texts) @ self.weight

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Loads a checkpoint. Raises ValueError with one sentence if the folder holds none."""
        content: dict[str, Any] = checkpoint.read_config(folder)
        if content["family"] != "reward":
            raise ValueError(f"{folder} holds a model of the family {content['family']!r}, not a reward model.")
        model = cls(checkpoint.fill(RewardConfig, content, folder))
        checkpoint.load_weights(folder, model)
        return model.eval()


@torch.inference_mode()
def picture_features(judge: Judge, pictures: Tensor) -> Tensor:
    """What the judge sees in pictures (n, 3, h, w) in [0, 1], and their mean colours: (n, features)."""
    return torch.cat([_seen(judge(part), part) for part in pictures.split(32)])


def _seen(verdict: Verdict, pictures: Tensor) -> Tensor:
    there = verdict.there.sigmoid().flatten(1)  # (n, cells)
    embedding, colours = verdict.embedding.flatten(2), verdict.colours.softmax(1).flatten(2)
    columns = torch.linspace(0, 1, verdict.there.shape[-1]).repeat(verdict.there.shape[-2])
    halves = F.adaptive_avg_pool2d(pictures, (2, 1)).flatten(1)
    return torch.cat(
        [
            verdict.view,
            verdict.place.softmax(-1),
            verdict.sky.softmax(-1),
            there.sum(1, keepdim=True),
            (there * columns).sum(1, keepdim=True),
            torch.einsum("nc,nkc->nk", there, embedding),
            torch.einsum("nc,nkc->nk", there, colours),
            halves,
            pictures.flatten(2).std(2),
        ],
        1,
    )


def text_features(tokens: list[Tensor]) -> Tensor:
    """The mean of each text's features (tokens, width), of unit length: (n, width)."""
    return torch.stack([F.normalize(t.float()[1:].mean(0) if len(t) > 1 else t.float()[0], dim=0) for t in tokens])


def fit(model: RewardModel, pictures: Tensor, texts: Tensor, pairs: Tensor, labels: Tensor, decay: float) -> None:
    """Sets the model's buffers and weight by penalised maximum likelihood.

    Args:
        pictures, texts: features (n, ...) of all pictures and of their texts.
        pairs: (m, 2) indices; labels: (m,) 1 where the first is preferred, 0 the second, 0.5 neither.
        decay: strength of the penalty on the weights.
    """
    model.mean.copy_(pictures.mean(0))
    model.spread.copy_(pictures.std(0).clamp(min=1e-3))
    normal = ((pictures - model.mean) / model.spread).clamp(-4, 4)
    for basis, features in ((model.picture_basis, normal), (model.text_basis, texts - texts.mean(0))):
        _, values, directions = torch.linalg.svd(features, full_matrices=False)
        some = directions[:MIXED].T / (values[:MIXED] / len(features) ** 0.5).clamp(min=1e-3)
        basis.zero_()
        basis[:, : some.shape[1]] = some * (values[:MIXED] > 1e-4)
    inputs = model.inputs(pictures, texts)
    difference = inputs[pairs[:, 0]] - inputs[pairs[:, 1]]
    weight = torch.zeros(inputs.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.binary_cross_entropy_with_logits(difference @ weight, labels) + decay * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    model.weight.copy_(weight.detach())
