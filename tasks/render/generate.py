"""The generate stage: generator inference, from features and seeds to pictures."""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from torch import Tensor

from models.fixed_batches import BatchLimit
from models.protocols import Generator
from tasks.loading.bisect_failures import isolate
from tasks.loading.hang_watch import ended_after
from tasks.loading.models import ready
from tasks.loading.oom_batching import in_batches
from tasks.prompts.shards import SHARD_PIXELS
from tasks.render.shard_state import Picture, Prompt, RenderShard
from tasks.render.suspects import tried
from tasks.render.transfer import Send, Transfer

NAMED = 3  # of what a picture does not show, in a sentence


def generate(
    work: RenderShard,
    generator: Generator,
    limit: Callable[[int, int], BatchLimit],
    send: Send,
    as_bytes: bool,
    timeout: float | None = None,
    growth: int = 1,
    min_match: float | None = None,
) -> None:
    """Generates the next part of the shard's pictures, one per seed, in batches of prompts that may share one.

    Args:
        limit: gives the batch size for pictures of a width and height; it stays halved once the device's memory runs
            out.
        send: called with each batch of pictures, whose pixels are set once they have arrived.
        as_bytes: whether the pictures come to the host as uint8; else they stay on the device as float32.
        timeout: seconds after which a batch is taken to hang, which ends the process; none never does.
        growth: how many times as many pixels the pictures have once they are enhanced.
        min_match: set `match` of pictures where that is known, and fail rows with less; none leaves it unset.
    """
    ready(generator)
    work.next_part(max(SHARD_PIXELS // growth, _least(work, generator, limit)))
    if min_match is not None:
        _match(work, generator, min_match)

    def run_group(pictures: Sequence[Picture]) -> list[tuple[Picture, str]]:
        rows = limit(pictures[0].prompt.width, pictures[0].prompt.height)

        def run(batch: Sequence[Picture]) -> list[None]:
            with ended_after(timeout, "a batch"), tried(work, batch):
                images = infer(batch, generator, rows.size)
            send(Transfer(batch, images, as_bytes))
            return [None] * len(batch)

        return isolate(lambda part: in_batches(run, part, rows), pictures)

    for pictures in work.by_size(lambda prompt: batch_key(prompt, generator)):
        work.fail("generate", {picture.prompt: error for picture, error in run_group(pictures)})


def _match(work: RenderShard, generator: Generator, least: float) -> None:
    """Sets `match` of the pictures in hand, and fails rows of which a picture would show too little of the text."""
    pictures = [picture for picture in work.pictures if picture.prompt.asked is not None]
    features, seeds = [p.prompt.features for p in pictures], [p.seed for p in pictures]
    asked = [p.prompt.asked for p in pictures if p.prompt.asked is not None]
    found = generator.match(features, seeds, asked) if pictures else []
    poor: dict[Prompt, str] = {}
    for picture, match in zip(pictures, found, strict=True):
        picture.match = match
        if match.share < least:
            told = "; ".join(match.notes[:NAMED])
            poor[picture.prompt] = f"match {match.share:.2f}, less than --min-match {least:g} ({told}); reword it."
    work.fail("match", poor)


def _least(work: RenderShard, generator: Generator, limit: Callable[[int, int], BatchLimit]) -> int:
    """Pixels of the largest batch that would be filled with copies if the shard came in smaller parts."""
    sizes = {(prompt.width, prompt.height) for prompt in work.prompts} if generator.fixed_batch else set()
    return max((limit(*size).size * math.prod(size) for size in sizes), default=0)


def batch_key(prompt: Prompt, generator: Generator) -> Hashable:
    """Prompts of one size for which this is equal may share a batch."""
    if not prompt.references:
        return generator.batch_key(prompt.features, prompt.steps, prompt.guidance)
    return generator.batch_key(prompt.features, prompt.steps, prompt.guidance, prompt.references)


def infer(pictures: Sequence[Picture], generator: Generator, rows: int) -> Tensor:
    """Images (n, 3, h, w) of a batch, padded to `rows` with copies if the generator's kernels depend on batch size."""
    first = pictures[0].prompt
    padding = rows - len(pictures) if generator.fixed_batch else 0
    batch = [*pictures, *[pictures[0]] * padding]
    features = [picture.prompt.features for picture in batch]
    seeds, guidance = [picture.seed for picture in batch], [picture.prompt.guidance for picture in batch]
    arguments = features, seeds, first.width, first.height, first.steps, guidance
    more: dict[str, Any] = {}  # what only some generators take
    if any(picture.prompt.references for picture in batch):
        more["references"] = [picture.prompt.references for picture in batch]
    if any(picture.prompt.asked is not None for picture in batch):
        more["asked"] = [picture.prompt.asked for picture in batch]
    return generator.generate(*arguments, **more)[: len(pictures)]
