"""The rank stage: rewards of a shard's pictures, of which only the best of each prompt may be kept."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from models.judge.model import Judge, load_judge
from models.judge.reward import RewardModel, picture_features, text_features
from models.protocols import TextEncoder
from models.text.text_encoder import load_text_encoder
from tasks.loading.models import resolve, usable
from tasks.render.shard_state import Picture, RenderShard
from tasks.runfolder.errors import BadInput


@cache
def load_reward(reference: str) -> RewardModel:
    """Raises BadInput if there is no such model."""
    if not (Path(resolve(reference)) / "config.json").is_file():
        raise BadInput(f"--reward {reference}: no reward model; give the --out of `imagemill train reward`.")
    return usable(lambda: RewardModel.load(Path(resolve(reference))))


def load_reward_encoder(model: RewardModel, device: str) -> TextEncoder:
    """The text encoder that the model reads texts with. Raises BadInput if it is not the one it was trained with."""
    encoder = usable(lambda: load_text_encoder(resolve(model.config.encoder), device))
    if encoder.digest != model.config.encoder_digest:
        raise BadInput(f"--reward: it was trained with another {model.config.encoder} than there is; train it again.")
    return encoder


@cache
def _judge() -> Judge:
    return load_judge()


def rank(work: RenderShard, model: RewardModel, encoder: TextEncoder, keep_best: int | None) -> None:
    """Sets `reward` of the pictures in hand, and lets go of those that are not kept.

    A prompt whose pictures do not come in one part, as they have too many pixels, fails: its best are not known.
    """
    if keep_best is not None:
        there = dict.fromkeys(work.prompts, 0)
        for picture in work.pictures:
            there[picture.prompt] += 1
        torn = [prompt for prompt, pictures in there.items() if 0 < pictures < len(prompt.seeds)]
        work.fail("rank", dict.fromkeys(torn, "too many pixels for one part, so its best are not known; lower count."))
    texts = list(dict.fromkeys(str(picture.prompt.text) for picture in work.pictures))
    if not texts:
        return
    by_text = dict(zip(texts, text_features(encoder.encode(texts)), strict=True))
    for picture in work.pictures:
        picture.reward = _reward(picture, model, by_text[str(picture.prompt.text)])
    if keep_best is not None:
        work.pictures = _best(work.pictures, keep_best)


def _reward(picture: Picture, model: RewardModel, text: torch.Tensor) -> float:
    assert picture.pixels is not None
    pixels = picture.pixels.cpu()
    image = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float().clamp(0, 1)
    with torch.inference_mode():
        return float(model(picture_features(_judge(), image[None]), text[None]))


def _best(pictures: Sequence[Picture], keep: int) -> list[Picture]:
    """The `keep` pictures of each prompt with the highest reward, in their order."""
    by_prompt: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_prompt.setdefault(picture.prompt.id, []).append(picture)
    kept = {
        picture.id for same in by_prompt.values() for picture in sorted(same, key=lambda p: -(p.reward or 0.0))[:keep]
    }
    return [picture for picture in pictures if picture.id in kept]
