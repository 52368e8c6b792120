"""How well a structured VAE reads captions: the right concept retrieved, the right things, place and sky in a scene."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.generators.sprite_vae.model import StructuredVae
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS
from models.text_features import pad
from tasks.datasets.emoji.concepts import plain

if TYPE_CHECKING:
    from tasks.training.families.vae import VaeFamily

_AT_ONCE = 256


@torch.no_grad()
def evaluate(family: "VaeFamily", model: StructuredVae) -> dict[str, float]:
    """Shares between 0 and 1, by group of captions; a group that the data set lacks is left out.

    `name en`, `name zh`: exact names, trained on; `paraphrase en`, `paraphrase zh`: other names, no source of which was
    trained on; `tag en`, `tag zh`: tags held out of training; top-1, and top-5 beside it; `scene things` (all of them,
    in order), `scene place`, `scene sky`, `scene colour` (of each thing, most have their own): held-out composed
    scenes, whose captions leave some places and skies unsaid. Concepts that share a name count for each other.
    """
    model.eval()
    rows = family.data.rows
    owners: dict[str, set[int]] = {}
    for row in rows:
        if row["kind"] in ("name", "alias", "paraphrase"):
            owners.setdefault(plain(row["caption"]), set()).add(family.number[row["concepts"][0]])
    figures: dict[str, float] = {}
    for language in ("en", "zh"):
        for kind, split in (("name", "train"), ("paraphrase", "test"), ("tag", "test")):
            chosen = [
                i for i, r in enumerate(rows) if (r["kind"], r["language"], r["split"]) == (kind, language, split)
            ]
            if not chosen:
                continue
            best = torch.cat([part.topk(5).indices for part in _concepts(family, model, chosen)])
            right = [
                {family.number[rows[i]["concepts"][0]]} | owners.get(plain(rows[i]["caption"]), set()) for i in chosen
            ]
            pairs = list(zip(best.tolist(), right, strict=True))
            figures[f"{kind} {language} top-1"] = sum(b[0] in r for b, r in pairs) / len(pairs)
            figures[f"{kind} {language} top-5"] = sum(bool(set(b) & r) for b, r in pairs) / len(pairs)
    return figures | _scenes(family, model)


def _concepts(family: "VaeFamily", model: StructuredVae, chosen: list[int]) -> list[Tensor]:
    """The first slot's concept logits for the rows, in batches."""
    parts = []
    for start in range(0, len(chosen), _AT_ONCE):
        batch = pad([family.features_of_captions[i] for i in chosen[start : start + _AT_ONCE]])
        parts.append(model.reader(batch.tokens, batch.mask).concepts[:, 0])
    return parts


def _scenes(family: "VaeFamily", model: StructuredVae) -> dict[str, float]:
    chosen = [i for i, r in enumerate(family.data.rows) if r["kind"] == "scene" and r["split"] == "test"]
    if not chosen:
        return {}
    things = place = sky = colour = named = 0
    for start in range(0, len(chosen), _AT_ONCE):
        batch = family.batch(chosen[start : start + _AT_ONCE])
        reading = model.reader(batch.tokens, batch.mask)
        first = model.config.objects
        wanted = batch.concepts[:, first : first + OBJECT_SLOTS]
        read = torch.where(reading.present > 0, reading.concepts.argmax(-1), -1)
        things += int((read == wanted).all(1).sum())
        there = wanted >= 0
        last = reading.colours.shape[-1] - 1
        tint = torch.where(batch.colours < 0, last, batch.colours)[:, first : first + OBJECT_SLOTS]
        colour += int((reading.colours.argmax(-1) == tint)[there].sum())
        named += int(there.sum())
        place += int((reading.place.argmax(-1) == batch.place).sum())
        sky += int((reading.sky.argmax(-1) == batch.sky).sum())
    count = len(chosen)
    shares = {"scene things": things / count, "scene place": place / count, "scene sky": sky / count}
    return shares | ({"scene colour": colour / named} if named else {})
