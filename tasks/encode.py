"""Encode: texts to a language model's features."""

from collections.abc import Sequence

from torch import Tensor

from models.diffusers_encoder import DiffusersTextEncoder
from models.features import Encoded
from models.text_encoder import TextEncoder
from tasks.batching import halving
from tasks.isolate import isolate
from tasks.load import ready
from tasks.work import Prompt, Work


def encode(work: Work, encoder: TextEncoder | DiffusersTextEncoder) -> None:
    """Sets the features of every prompt of the shard; a prompt that cannot be encoded is taken out of it."""

    def run(prompts: Sequence[Prompt]) -> None:
        for prompt, features in zip(prompts, _encoded(prompts, encoder), strict=True):
            prompt.features = features

    if isinstance(encoder, DiffusersTextEncoder):
        ready(encoder)
    work.fail("encode", dict(isolate(run, work.prompts)))


def _encoded(prompts: Sequence[Prompt], encoder: TextEncoder | DiffusersTextEncoder) -> Sequence[Encoded]:
    """Features of the prompts, with those of their negative texts where a checkpoint knows such."""
    texts = [prompt.prepared.encoder_text for prompt in prompts if prompt.prepared is not None]
    if not isinstance(encoder, DiffusersTextEncoder):
        return features_of(texts, encoder)
    made = halving(lambda: encoder.encode(texts), encoder.limit)
    if not encoder.interface.knows_negative:
        return made
    negatives = [prompt.negative_text for prompt in prompts]
    others = halving(lambda: encoder.encode_negative(negatives), encoder.limit)
    return [{**features, **other} for features, other in zip(made, others, strict=True)]


def features_of(texts: Sequence[str], encoder: TextEncoder) -> list[Tensor]:
    """One (tokens, width) float32 a text; where the device's memory ends, the encoder goes on in smaller chunks.

    Raises:
        MemoryError: not even one text fits.
    """
    return halving(lambda: encoder.encode(texts), encoder.limit)
