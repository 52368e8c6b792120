"""The explain stage: which word made which part of a picture (occlusion, Zeiler & Fergus 2014, applied to words).

For each content word the text is encoded without it and the picture generated again from the same seed; the word is
credited where the two pictures differ. This works with every generator, at the cost of one picture per word. It cannot
separate synonyms: without one, the other still has its effect.
"""

import io
import re
from collections.abc import Callable
from copy import copy
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.fixed_batches import BatchLimit
from models.protocols import Generator, TextEncoder
from tasks.asked.read_asked import read_asked
from tasks.render.encode import encode
from tasks.render.generate import generate
from tasks.render.shard_state import Heat, Picture, Prompt, RenderShard
from tasks.render.transfer import Send, Transfer, arrive

WORDS = 8  # content words of a text that are explained, from the first
TILE = 128  # pixels of a heat map's longer side


def without(text: str, word: str) -> str:
    """The text without any occurrence of a word; Latin words are matched only as whole words."""
    pattern = re.escape(word)
    if word[:1].isascii() and word[:1].isalnum():
        pattern = rf"(?<!\w){pattern}(?!\w)"
    return " ".join(re.sub(pattern, " ", text).split()) if " " in text else re.sub(pattern, "", text)


def explain(
    work: RenderShard,
    encoder: TextEncoder,
    generator: Generator,
    limit: Callable[[int, int], BatchLimit],
    send: Send,
    apart: bool = False,
    as_bytes: bool = True,
    timeout: float | None = None,
) -> None:
    """Sets `heat` of each picture of the shard; pictures of texts with fewer than two content words get none.

    The shortened texts go through `encode` and `generate` as if they were rows. A row for which that fails is
    quarantined.

    Args:
        send: called with the pictures, whose pixels are set once they have arrived.
        apart: encoder and generator don't fit the device's memory together, so they take turns.
        as_bytes: whether the pictures come to the host as uint8; else they stay on the device as float32.
        timeout: of a batch, as for `generate`.
    """
    variants = [(picture, word, _without(picture, word)) for picture in work.pictures for word in _words(picture)]
    trial = RenderShard(work.shard, [prompt for _, _, prompt in variants], [], work.carried.slice(0, 0))
    if apart:
        generator.release()
    encode(trial, encoder)
    if apart:
        encoder.release()
    of_prompt = {prompt: picture for picture, _, prompt in variants}
    changes: dict[Prompt, Tensor] = {}
    while True:
        transfers: list[Transfer] = []
        generate(trial, generator, limit, transfers.append, as_bytes=False, timeout=timeout)
        arrive(trial, "explain", transfers)
        changes |= {ablated.prompt: _change(of_prompt[ablated.prompt], ablated) for ablated in trial.pictures}
        if not trial.more:
            break
    reasons = {failure.row: failure.error for failure in trial.failures}
    work.fail("explain", {p: reasons[p.row] for p in work.prompts if p.row in reasons})
    words: dict[Picture, dict[str, Tensor]] = {}
    for picture, word, prompt in variants:
        if prompt in changes:
            words.setdefault(picture, {})[word] = changes[prompt]
    for picture in work.pictures:
        if picture in words:
            picture.heat = _heat(words[picture])
    for picture in work.pictures:
        if picture.pixels is not None:
            send(Transfer([picture], picture.pixels[None], as_bytes))


def _words(picture: Picture) -> list[str]:
    prepared = picture.prompt.prepared
    assert prepared is not None
    return [word for word in prepared.keywords[:WORDS] if without(prepared.encoder_text, word)]


def _without(picture: Picture, word: str) -> Prompt:
    """The picture's prompt without the word, for one picture with the same seed."""
    prompt = copy(picture.prompt)
    assert prompt.prepared is not None
    kept = [
        (token, tag)
        for token, tag in zip(prompt.prepared.tokens, prompt.prepared.pos, strict=True)
        if token.casefold() != word.casefold()
    ]
    prompt.prepared = replace(
        prompt.prepared,
        encoder_text=without(prompt.prepared.encoder_text, word),
        tokens=[token for token, _ in kept],
        pos=[tag for _, tag in kept],
    )
    prompt.asked = None if prompt.asked is None else read_asked(prompt.prepared)
    prompt.seeds, prompt.features = [picture.seed], None
    return prompt


def _change(picture: Picture, ablated: Picture) -> Tensor:
    """Where two pictures differ: (height, width) of a heat map."""
    assert picture.pixels is not None and ablated.pixels is not None
    change = (ablated.pixels - picture.pixels).abs().mean(0)[None, None]
    scale = TILE / max(change.shape[-2:])
    size = [max(1, round(edge * scale)) for edge in change.shape[-2:]]
    small = F.interpolate(change, size, mode="bilinear", align_corners=False, antialias=True)
    return F.avg_pool2d(small, 5, 1, 2, count_include_pad=False)[0, 0].clamp(min=0)


def _heat(changes: dict[str, Tensor]) -> Heat:
    """Heat maps of a picture; `changes`: by word, where the picture generated without it differs."""
    soft = torch.stack(list(changes.values()))
    total = soft.mean((1, 2))
    shares = total / total.sum().clamp(min=1e-6)
    maps = (soft / soft.amax().clamp(min=0.02)).sqrt()  # the root makes small changes visible beside large ones
    levels = (maps * 255).round().to(torch.uint8).cpu().numpy()
    return Heat(list(changes), levels, [round(share, 4) for share in shares.tolist()])


def heat_file(heat: Heat, pixels: np.ndarray) -> bytes:
    """A PNG strip with one tile per word: the picture (h, w, 3) uint8 in grey, glowing where the word has effect."""
    words, height, width = heat.maps.shape
    small = Image.fromarray(pixels).convert("L").resize((width, height), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32)[None, :, :, None] * np.array([0.62, 0.62, 0.68], np.float32)
    level = heat.maps.astype(np.float32)[..., None] / 255
    glow = np.array([255.0, 190.0, 40.0], np.float32) * level + np.array([210.0, 20.0, 60.0], np.float32) * (1 - level)
    tiles = grey * (1 - 0.85 * level) + glow * 0.85 * level
    strip = tiles.transpose(1, 0, 2, 3).reshape(height, words * width, 3)
    sink = io.BytesIO()
    Image.fromarray(strip.clip(0, 255).astype(np.uint8)).save(sink, "PNG")
    return sink.getvalue()
