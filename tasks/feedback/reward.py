"""Trains a reward model on the votes of runs, measures it on pairs it has not seen, and saves it if it is of use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import checkpoint
from models.judge.model import load_judge
from models.judge.reward import RewardConfig, RewardModel, fit, picture_features, text_features
from models.protocols import TextEncoder
from tasks.adjust.sources import PictureFiles
from tasks.feedback.votes import read_feedback
from tasks.imaging.decode import decoded
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage

FEWEST = 40  # pairs with a preference
FOLDS = 5
_Z = 3.09  # of a one-sided bound of 99.9 %: a model that learned nothing is saved once in a thousand times
_DECAY = 1.6e-2  # penalty on the weights; not chosen by the held-out pairs, which would no longer be held out
_AT_ONCE = 32


@dataclass(frozen=True)
class Compared:
    """All pairs of some runs.

    Attributes:
        pictures: run and image of each; texts: of each picture.
        pairs: (m, 2) indices of pictures; labels: (m,) 1, 0 or 0.5.
    """

    pictures: list[tuple[str, str]]
    texts: list[str]
    pairs: Tensor
    labels: Tensor


def compared(runs: Sequence[str]) -> Compared:
    """The pairs that were voted on, and those that stars and rejections imply: of two pictures of one text, the one
    with more. Raises BadInput if there are too few to learn from."""
    index: dict[tuple[str, str], int] = {}
    texts: list[str] = []
    pairs: list[tuple[int, int, float]] = []

    def number(run: str, image: str, text: str) -> int:
        if (run, image) not in index:
            index[run, image] = len(index)
            texts.append(text)
        return index[run, image]

    for run in runs:
        storage = Storage(run)
        if read_record(storage) is None:
            raise BadInput(f"{storage.url()}: there is no run here (no run.json); check the path.")
        for row in read_feedback(storage, "pairs").to_pylist():
            a, b = (number(run, row[f"image_{i}"], row["caption"] or "") for i in (0, 1))
            pairs.append((a, b, float(row["label_0"])))
        stars: dict[str, dict[str, float]] = {}
        for row in read_feedback(storage, "ratings").to_pylist():
            value = 0.0 if row["rejected"] else row["stars"]
            if value is not None:
                stars.setdefault(row["caption"] or "", {})[row["image"]] = float(value)
        for text, rated in stars.items():
            for (one, more), (other, less) in combinations(rated.items(), 2):
                if more != less:
                    pairs.append((number(run, one, text), number(run, other, text), float(more > less)))
    preferred = sum(label != 0.5 for _, _, label in pairs)
    if preferred < FEWEST:
        raise BadInput(
            f"{', '.join(runs)}: {preferred} pairs with a preference are too few to learn from; compare at least "
            f"{FEWEST} with `imagemill review`."
        )
    numbers = torch.tensor([pair[:2] for pair in pairs])
    return Compared(list(index), texts, numbers, torch.tensor([label for _, _, label in pairs]))


def features_of(found: Compared, encoder: TextEncoder) -> tuple[Tensor, Tensor]:
    """Features of all pictures and of their texts. Raises BadInput for a picture that is not there any more."""
    judge = load_judge()
    files = {run: PictureFiles(run) for run, _ in found.pictures}
    parts = []
    for start in range(0, len(found.pictures), _AT_ONCE):
        few = [_opened(files[run], image) for run, image in found.pictures[start : start + _AT_ONCE]]
        same = len({picture.shape for picture in few}) == 1
        parts += [picture_features(judge, batch) for batch in ([torch.stack(few)] if same else [f[None] for f in few])]
    distinct = list(dict.fromkeys(found.texts))
    encoded: list[Tensor] = []
    for start in range(0, len(distinct), _AT_ONCE):
        encoded += encoder.encode(distinct[start : start + _AT_ONCE])
    by_text = dict(zip(distinct, text_features(encoded), strict=True))
    return torch.cat(parts), torch.stack([by_text[text] for text in found.texts])


def _opened(files: PictureFiles, image: str) -> Tensor:
    try:
        pixels = decoded(files.read(image))
    except ValueError as error:
        raise BadInput(str(error)) from error
    if pixels is None:
        raise BadInput(f"{image}: it cannot be read as a picture; take its votes out of feedback/.")
    return torch.from_numpy(pixels).permute(2, 0, 1).expand(3, -1, -1)


def held_out(found: Compared, pictures: Tensor, texts: Tensor, config: RewardConfig) -> dict[str, list[bool]]:
    """Whether each preference is predicted by a model that has not seen its text, by text; each is left out once."""
    groups = _folds(found)
    right: dict[str, list[bool]] = {}
    for fold in range(FOLDS):
        out = groups == fold
        model = RewardModel(config)
        fit(model, pictures, texts, found.pairs[~out], found.labels[~out], _DECAY)
        rewards = model(pictures, texts)
        for (a, b), label in zip(found.pairs[out].tolist(), found.labels[out].tolist(), strict=True):
            if label != 0.5:
                right.setdefault(found.texts[a], []).append(bool(rewards[a] > rewards[b]) == (label > 0.5))
    return right


def _folds(found: Compared) -> Tensor:
    """The fold of each pair: by text, so that no picture is in two folds; by picture where there are few texts."""
    names = list(dict.fromkeys(found.texts))
    chance = torch.Generator().manual_seed(0)
    if len(names) >= 2 * FOLDS:
        order = dict(zip(names, torch.randperm(len(names), generator=chance).tolist(), strict=True))
        return torch.tensor([order[found.texts[int(a)]] % FOLDS for a in found.pairs[:, 0]])
    return torch.randperm(len(found.pairs), generator=chance) % FOLDS


def lower_bound(right: dict[str, list[bool]]) -> float:
    """A one-sided bound of the share that is right: Wilson's, for as many preferences as would vary as much by chance.

    Pairs of one text share pictures, so that they are right or wrong together; the variance between texts tells how
    much fewer they are worth (the design effect of a clustered sample).
    """
    told = [value for values in right.values() for value in values]
    share, total = sum(told) / len(told), float(len(told))
    if len(right) > 1 and 0 < share < 1:
        off = sum((sum(values) - share * len(values)) ** 2 for values in right.values()) * len(right) / (len(right) - 1)
        total /= max(1.0, off / (total * share * (1 - share)))
    middle = share + _Z * _Z / (2 * total)
    half = _Z * math.sqrt(share * (1 - share) / total + _Z * _Z / (4 * total * total))
    return (middle - half) / (1 + _Z * _Z / total)


def train_reward(runs: Sequence[str], out: Path, encoder: TextEncoder, reference: str) -> RewardConfig:
    """Trains on the votes of `runs` and saves the model into `out`.

    Raises:
        BadInput: there are too few votes, or what it learned is no better than chance; nothing is saved.
    """
    if (out / "config.json").exists():
        raise BadInput(f"--out {out}: there is a model already; choose another folder.")
    found = compared(runs)
    pictures, texts = features_of(found, encoder)
    known = {"encoder": reference, "encoder_digest": encoder.digest, "picture": pictures.shape[1]}
    known |= {"text": texts.shape[1], "pairs": len(found.pairs)}
    empty = RewardConfig(**known, accuracy=0.0, at_least=0.0)  # type: ignore[arg-type]
    right = held_out(found, pictures, texts, empty)
    told = [value for values in right.values() for value in values]
    total, accuracy, bound = len(told), sum(told) / len(told), lower_bound(right)
    if bound <= 0.5:
        raise BadInput(
            f"the model predicts {accuracy:.1%} of {total} held-out preferences (at least {bound:.1%}), which may be "
            "chance; it is not saved. Compare more pictures, or see whether those who vote agree."
        )
    config = RewardConfig(**known, accuracy=accuracy, at_least=bound)  # type: ignore[arg-type]
    model = RewardModel(config)
    fit(model, pictures, texts, found.pairs, found.labels, _DECAY)
    checkpoint.save(out, "reward", config, model, _card(config, runs, total), exact=True)
    return config


def _card(config: RewardConfig, runs: Sequence[str], total: int) -> str:
    names: list[Any] = [Storage(run).url() for run in runs]
    return (
        "# A reward model\n\n"
        f"Bradley-Terry on the judge's features, from {config.pairs} pairs of {', '.join(names)}.\n"
        f"Held-out accuracy: {config.accuracy:.1%} of {total} preferences, at least {config.at_least:.1%} (99.9 %).\n"
    )
