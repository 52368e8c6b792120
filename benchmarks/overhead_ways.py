"""Three ways to the same pictures: the bare model, a typical script, and the flow."""

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from models.generators.registry import load_generator
from models.protocols import Generator
from models.text.text_encoder import LanguageModel, load_text_encoder

PLAIN_BATCH = 32


@dataclass
class Models:
    """The models, shared by all three ways."""

    generator: Generator
    encoder: LanguageModel | None

    @classmethod
    def load(cls, generator: str) -> "Models":
        loaded = load_generator(generator)
        return cls(loaded, None if loaded.encoder is None else load_text_encoder(loaded.encoder))

    def features(self, texts: list[str]) -> list[torch.Tensor]:
        return [] if self.encoder is None else self.encoder.encode(texts)

    def pictures(self, features: list[torch.Tensor], seeds: list[int]) -> torch.Tensor:
        return self.generator.generate(features, seeds, self.generator.size, self.generator.size)


def _image(picture: torch.Tensor) -> Image.Image:
    return Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())


def bare(prompts: Path, models: Models, shard_size: int, batch_size: int) -> None:
    """Text encoder, generator and PNG encoding on the flow's batches; the bytes are thrown away."""
    frame = pd.read_parquet(prompts, columns=["text", "seed"])
    for first in range(0, len(frame), shard_size):
        shard = frame.iloc[first : first + shard_size]
        features, seeds = models.features(list(shard["text"])), shard["seed"].tolist()
        for start in range(0, len(shard), batch_size):
            part = slice(start, start + batch_size)
            for picture in models.pictures(features[part], seeds[part]):
                _image(picture).save(io.BytesIO(), "PNG")


def plain(prompts: Path, models: Models, out: Path) -> None:
    """A typical script: no restart, no checks, nothing embedded in the picture files."""
    (out / "images").mkdir(parents=True)
    frame = pd.read_parquet(prompts)
    rows = []
    for start in range(0, len(frame), PLAIN_BATCH):
        batch = frame.iloc[start : start + PLAIN_BATCH]
        pictures = models.pictures(models.features(list(batch["text"])), batch["seed"].tolist())
        for row, picture in zip(batch.itertuples(), pictures, strict=True):
            path = out / "images" / f"{row.id}.png"
            _image(picture).save(path)
            rows.append({"id": row.id, "text": row.text, "seed": row.seed, "image": str(path)})
    pd.DataFrame(rows).to_parquet(out / "metadata.parquet")


def flow(prompts: Path, generator: str, out: Path) -> dict[str, float]:
    """`imagemill render` as a user's Python would call it; returns the seconds of each stage."""
    from flows.jobs.render import RenderJob
    from flows.render import render

    summary = render(RenderJob(prompts=str(prompts), out=str(out), generator=generator))
    return {**summary.seconds, "start": summary.seconds_start, "run": summary.seconds_run}
