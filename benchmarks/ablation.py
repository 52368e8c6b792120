"""What each part of text encoding contributes, and what it costs.

    python -m benchmarks.ablation data/emoji --out out/ablation --judge out/judge
    python -m benchmarks.ablation data/emoji --out out/ablation --names 50 --scenes 80    # smaller and quicker

1. The default generator on the full text, on its content words alone, and as a look-up alone (the sprite of the thing
   named first, on a plain background: retrieval without generation), with the same questions and the same judge.
2. Which concept a name means, predicted by a linear head on the language model's features, on a bag of words (without
   information on unseen words) or of letter n-grams (n from 1 to 3), trained on the same captions for as many steps.

The gain from batching is in `benchmarks/encoding.py`. Written to the folder: `ablation.md` and the grids of 1.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from cyclopts import run
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional as F

from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.scene_plan import ScenePlan
from models.judge.model import WEIGHTS, load_judge
from models.text.text_encoder import LanguageModel, load_text_encoder
from models.weight_files import DEFAULT
from tasks.evaluation.figures import data_set_figures, generator_figures
from tasks.evaluation.pictures import pictures_of, write_grids
from tasks.evaluation.questions import NAMES, Questions
from tasks.evaluation.table import table
from tasks.text.preprocess import Prepared, PreprocessOptions, preprocess
from tasks.training.data.captioned import CaptionedDataset, read_captioned
from tasks.training.data.feature_cache import cached_features

HEAD_STEPS = 600


class LookUp(VaeGenerator):
    """Shows the sprite of the thing named first, in its own colour, on a plain background."""

    def _plan(self, *arguments: Any, **more: Any) -> ScenePlan:
        plan, config = super()._plan(*arguments, **more), self.model.config
        plan.place[:], plan.sky[:] = len(config.places) - 1, len(config.skies) - 1
        objects = torch.full_like(plan.concepts, -1)
        objects[:, config.objects] = plan.concepts[:, config.objects]
        plan.concepts, plan.colours = objects, torch.full_like(plan.colours, -1)
        plan.poses[:, config.objects] = torch.tensor([0.5, 0.9, -0.22])  # middle, foot, log of the size
        return plan


def main(
    dataset: Path,
    *,
    out: Path,
    judge: Path = WEIGHTS,
    cache: Path | None = None,
    names: int = 200,
    scenes: int = 300,
    seed: int = 0,
) -> None:
    """Writes and prints the tables."""
    out.mkdir(parents=True, exist_ok=True)
    data = read_captioned(str(dataset))
    generator = VaeGenerator.load(DEFAULT, "cpu", "default")
    encoder = load_text_encoder(generator.model.config.encoder)
    parts = [
        "## Full text, content words, look-up alone\n",
        _pictures(data, generator, encoder, out, judge, names, scenes, seed),
        "\n## The language model's features, bags of words and of letters\n",
        _heads(data, encoder, cache or out / "cache"),
    ]
    (out / "ablation.md").write_text("".join(parts), "utf-8")
    Console().print("".join(parts), markup=False, highlight=False, soft_wrap=True)


def _pictures(
    data: CaptionedDataset,
    generator: VaeGenerator,
    encoder: LanguageModel,
    out: Path,
    judge: Path,
    names: int,
    scenes: int,
    seed: int,
) -> str:
    judge_model = load_judge(judge)
    questions = Questions.drawn(data, names, scenes, seed)
    figures = {"data set": data_set_figures(judge_model, questions)}

    ways: dict[str, tuple[VaeGenerator, Callable[[Sequence[str]], list[str]]]] = {
        "full text": (generator, list),
        "content words": (generator, _content_words),
        "look-up alone": (LookUp(generator.model, "look-up", generator.digest), list),
    }
    asked = [question.text for question in questions.scenes]
    for name, (way, reworded) in ways.items():

        def encode(texts: Sequence[str], reworded: Callable[[Sequence[str]], list[str]] = reworded) -> list[Tensor]:
            return encoder.encode(reworded(texts))

        pictures = pictures_of(way, encode, questions, 4, seed, lambda done: None)
        write_grids(out / name, pictures)
        figures[name] = generator_figures(judge_model, questions, pictures)
        tokens = encoder._tokenize(reworded(asked), encoder.max_tokens)
        figures[name]["tokens a sentence"] = sum(map(len, tokens)) / len(asked)
    return table(figures)


def _content_words(texts: Sequence[str]) -> list[str]:
    prepared = preprocess(texts, PreprocessOptions(text="content-words"))
    return [p.encoder_text if isinstance(p, Prepared) else text for p, text in zip(prepared, texts, strict=True)]


@dataclass(frozen=True)
class _Captions:
    """Captions of single things: rows of the data set, and the index of each one's concept (rows,)."""

    rows: list[int]
    concepts: Tensor


def _captions(data: CaptionedDataset, kinds: set[str], split: str, language: str | None = None) -> _Captions:
    number = {c["id"]: i for i, c in enumerate(data.concepts)}
    rows = [
        i
        for i, r in enumerate(data.rows)
        if r["kind"] in kinds and r["split"] == split and language in (None, r["language"])
    ]
    return _Captions(rows, torch.tensor([number[data.rows[i]["concepts"][0]] for i in rows]))


def _heads(data: CaptionedDataset, encoder: LanguageModel, cache: Path) -> str:
    texts = [row["caption"] for row in data.rows]
    singles = {row["kind"] for row in data.rows} - {"scene"}
    train = _captions(data, singles, "train")
    groups = {
        group: _captions(data, {kind}, "train" if kind == "name" else "test", language)
        for (kind, language), group in NAMES.items()
    }
    used = sorted({row for part in (train, *groups.values()) for row in part.rows})
    features = cached_features(cache, texts, encoder, lambda done: None)
    spaces = {
        "language model": torch.stack([features[i][-max(1, len(features[i]) - 1) :].mean(0) for i in used]),
        "bag of words": _bags(_words([texts[i] for i in used])),
        "bag of letters": _bags([_letters(texts[i]) for i in used]),
    }
    at = {row: n for n, row in enumerate(used)}
    lines = [f"| | {' | '.join(groups)} | features per text |", f"|---|{'---:|' * (len(groups) + 1)}"]
    for name, space in spaces.items():
        head = _trained(space[[at[row] for row in train.rows]], train.concepts, len(data.concepts))
        shares = []
        for part in groups.values():
            if part.rows:
                guess = head(space[[at[row] for row in part.rows]]).argmax(-1)
                shares.append(f"{(guess == part.concepts).float().mean():.1%}")
            else:
                shares.append("")
        lines.append(f"| {name} | {' | '.join(shares)} | {space.shape[1]} |")
    return "\n".join(lines) + "\n"


def _trained(inputs: Tensor, concepts: Tensor, count: int) -> nn.Module:
    """Trains a linear head on normalised inputs (n, features), for the same number of steps for each kind of input."""
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(inputs.shape[1], affine=False)
    head = nn.Sequential(norm, nn.Dropout(0.3), nn.Linear(inputs.shape[1], count))
    optimiser = torch.optim.AdamW(head.parameters(), 3e-3, weight_decay=0.05)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, HEAD_STEPS)
    for _ in range(HEAD_STEPS):
        rows = torch.randint(0, len(inputs), (256,))
        loss = F.cross_entropy(head(inputs[rows]), concepts[rows], label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
    return head.eval()


def _words(texts: Sequence[str]) -> list[list[str]]:
    prepared = preprocess(texts, PreprocessOptions())
    return [[token.lower() for token in p.tokens] if isinstance(p, Prepared) else [] for p in prepared]


def _letters(text: str) -> list[str]:
    text = f" {text.lower()} "
    return [text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)]


def _bags(bags: list[list[str]], width: int = 2048) -> Tensor:
    """Word counts (n, width) by feature hashing, so that two words seldom share a column."""
    counted = torch.zeros(len(bags), width)
    for row, bag in enumerate(bags):
        for word, count in Counter(bag).items():
            counted[row, int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % width] += count
    return counted


if __name__ == "__main__":
    run(main)
