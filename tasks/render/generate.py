"""Generate: features and seeds to pictures."""

from collections.abc import Callable, Hashable, Sequence

from pydantic import ConfigDict
from torch import Tensor

from models.diffusers.acceleration import Acceleration
from models.diffusers.image_half import DiffusersGenerator
from tasks.loading.bisect_failures import isolate
from tasks.loading.models import AnyGenerator, ready
from tasks.loading.oom_batching import BatchLimit, in_batches
from tasks.render.shard_state import Picture, Prompt, Work


class GenerateOptions(Acceleration):
    """Which model makes the pictures, and how a diffusers checkpoint is run."""

    model_config = ConfigDict(frozen=False)

    generator: str = "default"
    """The embedded `default`, `dummy`, a checkpoint's folder (local or s3://), or a diffusers checkpoint's hub id."""

    @property
    def acceleration(self) -> Acceleration:
        """The options for diffusers checkpoints alone."""
        return Acceleration(**self.model_dump(include=set(Acceleration.model_fields)))


def generate(work: Work, generator: AnyGenerator, limit: Callable[[int, int], BatchLimit]) -> None:
    """Makes `count` pictures of every prompt of the shard, those that may share a batch together.

    Args:
        limit: pictures of a width and height that the generator is given at once; halved, and kept so, when the
            device's memory is too small.
    """
    if isinstance(generator, DiffusersGenerator):
        ready(generator)
    work.pictures = [Picture(prompt, number) for prompt in work.prompts for number in range(len(prompt.seeds))]

    def make(pictures: Sequence[Picture]) -> list[tuple[Picture, str]]:
        rows = limit(pictures[0].prompt.width, pictures[0].prompt.height)

        def run(batch: Sequence[Picture]) -> list[None]:
            made = _make(batch, generator, rows.size)
            if made.isnan().any():
                raise ValueError("the generator made a picture of not-a-number values")
            for picture, pixels in zip(batch, made, strict=True):
                picture.pixels = pixels
            return [None] * len(batch)

        return isolate(lambda part: in_batches(run, part, rows), pictures)

    for pictures in work.by_size(lambda prompt: _kin(prompt, generator)):
        work.fail("generate", {picture.prompt: error for picture, error in make(pictures)})


def _kin(prompt: Prompt, generator: AnyGenerator) -> Hashable:
    """Prompts of one kin may share a batch, if their sizes are equal too."""
    if not isinstance(generator, DiffusersGenerator):
        return None
    assert isinstance(prompt.features, dict)
    return generator.kin(prompt.features, prompt.steps, prompt.guidance)


def _make(pictures: Sequence[Picture], generator: AnyGenerator, rows: int) -> Tensor:
    """The pixels of a batch; a diffusers checkpoint's is filled up to `rows`, for its kernels depend on the number."""
    first = pictures[0].prompt
    size = first.width, first.height
    if not isinstance(generator, DiffusersGenerator):
        features = [p.prompt.features for p in pictures if isinstance(p.prompt.features, Tensor)]
        return generator.generate(features, [picture.seed for picture in pictures], *size)
    full = [*pictures, *[pictures[0]] * (rows - len(pictures))]
    structured = [p.prompt.features for p in full if isinstance(p.prompt.features, dict)]
    guidance = [picture.prompt.guidance for picture in full]
    made = generator.generate(structured, [picture.seed for picture in full], *size, first.steps, guidance)
    return made[: len(pictures)]
