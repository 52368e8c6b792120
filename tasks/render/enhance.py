"""The enhance stage: applies the chain of filters to the pictures of a shard."""

from collections.abc import Sequence

import torch

from tasks.enhance.chain import EnhanceOptions, enhance, parse_chain
from tasks.loading.bisect_failures import isolate
from tasks.render.shard_state import Picture, RenderShard
from tasks.render.transfer import Transfer


def enhance_work(work: RenderShard, options: EnhanceOptions, device: str = "cpu") -> list[Transfer]:
    """Applies the chain on the device, in batches of equal size; moves prompts it fails for to the shard's failures.

    Returns:
        The pictures on their way to the host, as uint8.
    """
    chain = parse_chain(options.enhance)
    transfers: list[Transfer] = []

    def run(pictures: Sequence[Picture]) -> None:
        stacked = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
        transfers.append(Transfer(pictures, enhance(stacked.to(device), chain), as_bytes=True))

    failed = {picture.prompt: error for group in work.by_size() for picture, error in isolate(run, group)}
    work.fail("enhance", failed)
    return transfers
