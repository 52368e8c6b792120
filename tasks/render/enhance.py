"""The enhance stage: applies the chain of filters to the pictures of a shard."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.filters import GRID
from models.filters.arguments import File
from tasks.enhance.chain import Chain, enhance, parse_chain, reach
from tasks.enhance.options import EnhanceOptions
from tasks.loading.bisect_failures import isolate
from tasks.render.shard_state import Picture, RenderShard
from tasks.render.suspects import tried
from tasks.render.transfer import Send, Transfer

MARGIN = 64  # columns that filters of the whole picture see beyond the ends of a panorama


def enhance_work(
    work: RenderShard, options: EnhanceOptions, send: Send, device: str = "cpu", panorama: bool = False
) -> None:
    """Applies the chain on the device, in batches of equal size; moves prompts it fails for to the shard's failures.

    Args:
        send: called with each batch of pictures, on their way to the host as uint8.
        panorama: the pictures' right edges go on at their left.
    """
    chain = parse_chain(options.enhance)

    def run(pictures: Sequence[Picture]) -> None:
        stacked = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
        with tried(work, pictures):
            made = (_enhance_closed if panorama else enhance)(stacked.to(device), chain)
        send(Transfer(pictures, made, as_bytes=True))

    failed = {picture.prompt: error for group in work.by_size() for picture, error in isolate(run, group)}
    work.fail("enhance", failed)


def _enhance_closed(images: Tensor, chain: Chain) -> Tensor:
    """`enhance` with the columns of the other end on either side, so that no filter makes a seam.

    A mask is of the picture's own size, so with one the filters see none of that.
    """
    far = reach(chain)
    if far == 0 or any(step.argument == File("mask") for step, _ in chain):
        return enhance(images, chain)
    width = images.shape[-1]
    beside = min(width, -(-(MARGIN if far is None else far) // GRID) * GRID)
    made = enhance(torch.cat([images[..., -beside:], images, images[..., :beside]], -1), chain)
    larger = made.shape[-1] // (width + 2 * beside)
    return made[..., beside * larger : (beside + width) * larger]
