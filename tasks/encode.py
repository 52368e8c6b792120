"""Encode: texts to a language model's features."""

from collections.abc import Sequence

from torch import Tensor

from models.text_encoder import TextEncoder
from tasks.batching import halving
from tasks.isolate import isolate
from tasks.work import Prompt, Work


def encode(work: Work, encoder: TextEncoder) -> None:
    """Sets the features of every prompt of the shard; a prompt that cannot be encoded is taken out of it."""

    def run(prompts: Sequence[Prompt]) -> None:
        texts = [prompt.prepared.encoder_text for prompt in prompts if prompt.prepared is not None]
        for prompt, features in zip(prompts, features_of(texts, encoder), strict=True):
            prompt.features = features

    work.fail("encode", dict(isolate(run, work.prompts)))


def features_of(texts: Sequence[str], encoder: TextEncoder) -> list[Tensor]:
    """One (tokens, width) float32 a text; where the device's memory ends, the encoder goes on in smaller chunks.

    Raises:
        MemoryError: not even one text fits.
    """
    return halving(lambda: encoder.encode(texts), encoder.limit)
