"""The enhance stage: applies the chain of filters to the pictures of a shard."""

from collections.abc import Sequence

import torch

from tasks.enhance.chain import EnhanceOptions, enhance, parse_chain
from tasks.loading.bisect_failures import isolate
from tasks.render.shard_state import Picture, RenderShard


def enhance_work(work: RenderShard, options: EnhanceOptions, device: str = "cpu") -> None:
    """Applies the chain on the device, in batches of equal size; moves prompts it fails for to the shard's failures."""
    chain = parse_chain(options.enhance)

    def run(pictures: Sequence[Picture]) -> None:
        stacked = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
        enhanced = enhance(stacked.to(device), chain).cpu()
        for picture, pixels in zip(pictures, enhanced, strict=True):
            picture.pixels = pixels
            picture.height, picture.width = pixels.shape[1:]

    failed = {picture.prompt: error for group in work.by_size() for picture, error in isolate(run, group)}
    work.fail("enhance", failed)
