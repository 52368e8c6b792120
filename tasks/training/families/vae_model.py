"""A structured VAE for a data set: new, or with the weights of a checkpoint to begin with."""

from pathlib import Path

import torch
from torch import Tensor

from models import checkpoint
from models.generators.sprite_vae.model import StructuredVae, VaeConfig
from models.generators.sprite_vae.recolour import COLOURS
from models.generators.sprite_vae.sprite_memory import filled_patches
from models.text_features import pad
from tasks.datasets.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.datasets.emoji.scenes import LEFT, LIGHT, OBJECTS, SLOTS, WEATHER
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import CaptionedDataset
from tasks.training.data.feature_cache import Encoder, FeatureCache
from tasks.training.init_from import start_config


def build_model(
    data: CaptionedDataset, features: FeatureCache, encoder: Encoder, reference: str, seed: int
) -> StructuredVae:
    """A model that fits the data set: memory filled, features' statistics set, networks at random.

    Raises BadInput when the data set holds no concepts.
    """
    if not data.concepts:
        raise BadInput(
            "The data set has no concepts.parquet, so it is no finished data set for a vae, whose sprites it holds: "
            "make one with `imagemill dataset emoji`, or train another family."
        )
    torch.manual_seed(seed)
    drawn_by_layout = {o["concept"] for r in data.rows for o in r["objects"] or () if o["slot"] not in OBJECTS}
    coded = sum(c["kind"] != "element" for c in data.concepts)  # elements come last
    config = VaeConfig(
        encoder=reference,
        encoder_digest=encoder.digest,
        features=encoder.width,
        concepts=tuple((c["id"], c["en"], c["zh"]) for c in data.concepts),
        coded=coded,
        props=tuple(i for i, c in enumerate(data.concepts) if c["id"] in drawn_by_layout),
        places=(*PLACES, PLAIN),
        skies=(*SKIES, PLAIN),
        slots=SLOTS,
        objects=OBJECTS.start,
        lamp=LIGHT,
        front=tuple(s for s in range(LEFT, SLOTS) if s != WEATHER),
        patches=filled_patches(data.sprites[:coded]),
        colours=tuple(COLOURS),
    )
    model = StructuredVae(config)
    model.memory.fit(data.sprites)
    mean, spread = features.statistics()
    model.reader.mean.copy_(mean)
    model.reader.spread.copy_(spread)
    model.reader.meanings.data.copy_(_meanings(model, data, features))
    return model


@torch.no_grad()
def _meanings(model: StructuredVae, data: CaptionedDataset, features: FeatureCache) -> Tensor:
    """What each concept's captions for training mean to the language model, (concepts, features), mean 0, spread 1."""
    number = {c["id"]: i for i, c in enumerate(data.concepts[: model.config.coded])}
    total, count = torch.zeros(len(number), model.config.features), torch.zeros(len(number), 1)
    for i, row in enumerate(data.rows):
        if row["split"] == "train" and row["kind"] != "scene":
            read = pad([features[i]])
            for concept in number.keys() & set(row["concepts"] or ()):
                total[number[concept]] += model.reader.pooled(read.tokens, read.mask)[0]
                count[number[concept]] += 1
    meanings = total / count.clamp(min=1)
    meanings -= meanings.mean(0)
    return meanings / meanings.std().clamp(min=1e-6)


def load_start(model: StructuredVae, start: Path, encoder: Encoder) -> None:
    """Gives the model the weights of a checkpoint that was trained on the same concepts and the same features.

    Raises BadInput when it was not.
    """
    try:
        content = start_config(start, "vae", encoder)
        ids = [concept[0] for concept in content.get("concepts", ())]
        if ids != [concept[0] for concept in model.config.concepts]:
            raise BadInput(f"{start} knows other concepts than the data set: start from one trained on the same.")
        checkpoint.load_weights(start, model)
    except ValueError as error:
        raise BadInput(str(error)) from None
