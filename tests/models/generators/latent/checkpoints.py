"""Tiny checkpoints of the latent families: random weights, the real code."""

from pathlib import Path

import torch

from models import checkpoint
from models.generators.latent import rectified_flow
from models.generators.latent.autoencoder import Autoencoder
from models.generators.latent.base import LatentConfig
from models.generators.latent.gan import Gan

FAMILIES = ("autoencoder", "gan", "flow")
FEATURES = 24
CONFIG = LatentConfig(
    encoder="gemma", encoder_digest="0" * 64, features=FEATURES, size=32, codec_width=16, codec_depth=1, width=64,
    layers=1,
)  # fmt: skip


def write_latent(folder: Path, family: str) -> Path:
    """Saves a checkpoint of the family, the same weights each time."""
    torch.manual_seed(0)
    if family == "flow":
        model = rectified_flow.Flow(CONFIG)
        folder.mkdir(parents=True)
        model.codec.fit(torch.rand(8, 3, 32, 32))
        rectified_flow.save(folder, model, CONFIG, "Tiny.\n")
        return folder
    other = {"autoencoder": Autoencoder, "gan": Gan}[family](CONFIG)
    other.codec.fit(torch.rand(8, 3, 32, 32))
    checkpoint.save(folder, family, CONFIG, other, "Tiny.\n")
    return folder
