"""Training the rectified flow, or low-rank adapters of a trained one."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from models.generators.latent import rectified_flow
from models.generators.latent.rectified_flow import Flow
from tasks.runfolder.errors import BadInput
from tasks.training.families.latent_base import CodecFamily, normalise
from tasks.training.family import OptimizerGroup
from tasks.training.options import FlowOptions


class FlowFamily(CodecFamily[Flow, FlowOptions]):
    """The loss is the velocity's error at a random share of noise."""

    name = "flow"

    def build(self) -> None:
        torch.manual_seed(self.options.seed)
        model = self._new_model() if self.start is None else self._start_model(self.start)
        self.place_data(model.codec)
        self.model = model.to(self.device)
        learning = [self.model.transformer] + ([self.model.things] if self.model.things else [])
        self.optimizer_groups = [OptimizerGroup(learning)]

    def _new_model(self) -> Flow:
        model = Flow(self.new_config())
        normalise(model, self.dataset.words)
        model.codec.load_state_dict(self.autoencoder.codec.state_dict())
        return model

    def _start_model(self, start: Path) -> Flow:
        """The checkpoint's model, with adapters where a rank is given."""
        model = Flow(self.start_config())
        normalise(model, self.dataset.words)
        try:
            rectified_flow.begin(model, start)
            if self.options.lora:
                rectified_flow.adapt(model, self.options.lora)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None
        return model

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        texts, pictures = self.training_batch(step)
        return {"velocity": self.model.loss(texts, self.model.codec.encode(pictures))}

    @torch.no_grad()
    def evaluate(self, model: Flow) -> dict[str, float]:
        model.eval()
        texts, pictures = self.held_out()
        torch.manual_seed(0)
        velocity = model.loss(texts, model.codec.encode(pictures))
        return {"velocity, held out": float(velocity), "variety over seeds": self.variety(model)}

    def save(self, model: Flow, folder: Path, steps: int, figures: dict[str, float]) -> None:
        rectified_flow.save(folder, model, replace(model.config, steps=steps), self.card(steps, figures))
