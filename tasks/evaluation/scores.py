"""Scores from the judge's verdicts: agreement with the text, variety, distance from real pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.judge.model import Judge, Verdict
from tasks.datasets.emoji.scenes import PROPS
from tasks.evaluation.questions import Named, Scene

ATTRIBUTES = ("place", "sky", "object", "count", "colour")
_AT_ONCE = 32


@torch.inference_mode()
def judged(judge: Judge, pictures: Tensor) -> Verdict:
    """The judge's verdict on pictures (n, 3, height, width) in [0, 1], a few at a time."""
    parts = [judge(part) for part in pictures.split(_AT_ONCE)]
    return Verdict(*(torch.cat([getattr(p, name) for p in parts]) for name in Verdict.__dataclass_fields__))


def name_scores(judge: Judge, verdict: Verdict, asked: Sequence[Named]) -> dict[str, float]:
    """Shares of pictures that show a right concept: the judge's first guess, and one of its first five, by group."""
    best = judge.ranking(verdict).topk(min(5, len(judge.config.concepts)), 1).indices.tolist()
    hits: dict[str, list[bool]] = {}
    for guesses, question in zip(best, asked, strict=True):
        concepts = [judge.config.concepts[i] for i in guesses]
        hits.setdefault(f"{question.group}, top-1", []).append(concepts[0] in question.right)
        hits.setdefault(f"{question.group}, top-5", []).append(bool(question.right.intersection(concepts)))
    return {name: sum(right) / len(right) for name, right in hits.items()}


@dataclass
class _Tally:
    right: int = 0
    asked: int = 0

    def add(self, right: bool) -> None:
        self.right += right
        self.asked += 1


def scene_scores(judge: Judge, verdict: Verdict, asked: Sequence[Scene]) -> dict[str, float]:
    """Shares of the asked attributes that the pictures have, by attribute and of all; each is asked by itself.

    An object is right if the judge sees its concept anywhere, a colour if it sees anything painted in it, and the count
    if it sees as many things as the text names beside those that often surround scenes. A text that names one of these
    is asked no count; what it does not say is not asked.
    """
    config = judge.config
    tallies = {name: _Tally() for name in ATTRIBUTES}
    places, skies = verdict.place.argmax(-1).tolist(), verdict.sky.argmax(-1).tolist()
    for question, place, sky, seen in zip(asked, places, skies, judge.things(verdict), strict=True):
        if question.place:
            tallies["place"].add(config.places[place] == question.place)
        if question.sky:
            tallies["sky"].add(config.skies[sky] == question.sky)
        concepts = [config.concepts[thing.concept] for thing in seen]
        colours = {config.colours[thing.colour] for thing in seen if thing.colour >= 0}
        wanted = {concept for concept, _ in question.things}
        for concept in wanted:
            tallies["object"].add(concept in concepts)
        if wanted and not wanted & PROPS:
            tallies["count"].add(sum(concept not in PROPS for concept in concepts) == len(question.things))
        for colour in {colour for _, colour in question.things if colour}:
            tallies["colour"].add(colour in colours)
    total = _Tally(sum(t.right for t in tallies.values()), sum(t.asked for t in tallies.values()))
    return {f"composition, {name}": t.right / t.asked for name, t in [*tallies.items(), ("all", total)] if t.asked}


def frechet(one: Tensor, other: Tensor) -> float:
    """The Fréchet distance of two sets of features (n, d) taken as normal distributions, as FID has it."""
    (mean, cov), (mean2, cov2) = _moments(one), _moments(other)
    values, vectors = torch.linalg.eigh(cov)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()
    return float(((mean - mean2) ** 2).sum() + cov.trace() + cov2.trace() - 2 * cross)


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    features = features.double()
    return features.mean(0), features.T.cov()


def variety(views: Tensor) -> float:
    """How much pictures of one text differ from seed to seed, as a share of how much those of different texts do.

    `views` is (texts, seeds, features). 0: the same picture again and again; 1: as different as other texts' pictures.
    """
    texts, seeds, width = views.shape
    within = torch.cdist(views, views).sum() / (texts * seeds * (seeds - 1))
    every = views.reshape(-1, width)
    apart = torch.cdist(every, every).sum() - torch.cdist(views, views).sum()
    return float(within / (apart / (texts * seeds * (texts - 1) * seeds)).clamp(min=1e-6))
