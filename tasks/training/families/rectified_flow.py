"""Training the latent flow, or low-rank adapters of a trained one."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from models.generators.latent import rectified_flow
from models.generators.latent.autoencoder import Autoencoder
from models.generators.latent.rectified_flow import Flow
from tasks.runfolder.errors import BadInput
from tasks.training.data.picture_cache import Small
from tasks.training.families.latent_base import LatentFamily, Wanted, normalise
from tasks.training.trainer import Turn


class FlowFamily(LatentFamily[Flow]):
    """One turn: the velocity's error at a random share of noise."""

    name = "flow"

    def __init__(self, model: Flow, small: Small, batch: int, seed: int, device: str) -> None:
        super().__init__(model, small, batch, seed, device)
        self.turns = [Turn([model.transformer])]

    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        words, pictures = self.learn(step)
        return {"velocity": self.model.loss(words, self.model.codec.encode(pictures))}

    @torch.no_grad()
    def figures(self, model: Flow) -> dict[str, float]:
        model.eval()
        words, pictures = self.held_out()
        torch.manual_seed(0)
        velocity = model.loss(words, model.codec.encode(pictures))
        return {"velocity, held out": float(velocity), "variety over seeds": self.variety(model)}

    def save(self, model: Flow, folder: Path, steps: int, card: str) -> None:
        rectified_flow.save(folder, model, replace(model.config, steps=steps), card)


def build(wanted: Wanted, small: Small, batch: int, device: str, source: Autoencoder | None, rank: int) -> FlowFamily:
    """A new flow for an autoencoder's codec, or the one of a checkpoint: whole, or adapters of a rank."""
    torch.manual_seed(wanted.seed)
    if wanted.start is None:
        assert source is not None
        model = Flow(wanted.config_like(source.config))
        normalise(model, small.wordings[0])
        model.codec.load_state_dict(source.codec.state_dict())
    else:
        model = Flow(wanted.start_config("flow"))
        normalise(model, small.wordings[0])
        try:
            rectified_flow.begin(model, wanted.start)
            if rank:
                rectified_flow.adapt(model, rank)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None
    return FlowFamily(model, small, batch, wanted.seed, device)
