"""Tiny checkpoints of the latent families: random weights, the real code."""

from pathlib import Path

import torch

from models import checkpoint
from models.generators.latent import gan, rectified_flow
from models.generators.latent.autoencoder import Autoencoder
from models.generators.latent.base import LatentConfig

FAMILIES = ("autoencoder", "gan", "flow")
FEATURES = 24
CONFIG = LatentConfig(
    encoder="gemma", encoder_digest="0" * 64, features=FEATURES, size=32, codec_width=16, codec_depth=1, width=64,
    layers=1,
)  # fmt: skip


def write_latent(folder: Path, family: str, config: LatentConfig = CONFIG) -> Path:
    """Saves a checkpoint of the family, the same weights each time."""
    torch.manual_seed(0)
    if family == "flow":
        model = rectified_flow.Flow(config)
        folder.mkdir(parents=True)
        model.codec.fit(torch.rand(8, 3, 32, 32))
        rectified_flow.save(folder, model, config, "Tiny.\n")
        return folder
    if family == "gan":
        adversarial = gan.AdversarialGan(config)
        adversarial.codec.fit(torch.rand(8, 3, 32, 32))
        gan.save(folder, adversarial, config, "Tiny.\n")
        return folder
    autoencoder = Autoencoder(config)
    autoencoder.codec.fit(torch.rand(8, 3, 32, 32))
    checkpoint.save(folder, family, config, autoencoder, "Tiny.\n")
    return folder
