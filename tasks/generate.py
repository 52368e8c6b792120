"""Generate: features and seeds to pictures."""

from collections.abc import Sequence

from pydantic import BaseModel

from models.generator import Generator
from tasks.batching import BatchLimit, in_batches
from tasks.isolate import isolate
from tasks.work import Picture, Work


class GenerateOptions(BaseModel):
    """Which model makes the pictures."""

    generator: str = "default"
    """The embedded `default`, `dummy`, or a checkpoint folder (local or s3://)."""
    device: str = "cpu"
    """Where the models run: cpu, cuda, cuda:1, mps."""


def generate(work: Work, generator: Generator, limit: BatchLimit) -> None:
    """Makes `count` pictures of every prompt of the shard, those of one size together.

    Args:
        limit: pictures the generator is given at once; halved, and kept so, when the device's memory is too small.
    """
    work.pictures = [Picture(prompt, number) for prompt in work.prompts for number in range(len(prompt.seeds))]

    def run(pictures: Sequence[Picture]) -> list[None]:
        first = pictures[0].prompt
        features = [picture.prompt.features for picture in pictures if picture.prompt.features is not None]
        made = generator.generate(features, [picture.seed for picture in pictures], first.width, first.height)
        if made.isnan().any():
            raise ValueError("the generator made a picture of not-a-number values")
        for picture, pixels in zip(pictures, made, strict=True):
            picture.pixels = pixels
        return [None] * len(pictures)

    for pictures in work.by_size():
        failed = isolate(lambda part: in_batches(run, part, limit), pictures)
        work.fail("generate", {picture.prompt: error for picture, error in failed})
