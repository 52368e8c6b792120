"""The encode stage: texts to features."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from models.protocols import TextEncoder
from models.text_features import Encoded
from tasks.loading.bisect_failures import isolate
from tasks.loading.feature_store import FeatureFolder, Recall, Text
from tasks.loading.models import ready
from tasks.loading.oom_batching import halving
from tasks.render.shard_state import Prompt, Work
from tasks.runfolder.errors import BadInput


def encode(work: Work, encoder: TextEncoder, kept: FeatureFolder | None = None) -> dict[str, dict[str, Tensor]]:
    """Sets the features of every prompt of the shard, and whether one of its texts was too long to be read whole; a
    prompt that cannot be encoded is taken out of the shard.

    Args:
        kept: features of earlier runs; what is there is not encoded again.

    Returns:
        Features that `kept` did not have.

    Raises:
        BadInput: the encoder cannot be loaded.
    """
    recall = Recall(kept)

    def run(prompts: Sequence[Prompt]) -> None:
        texts = [prompt.prepared.encoder_text for prompt in prompts if prompt.prepared is not None]
        encoded = _encoded(prompts, texts, encoder, recall)
        for prompt, features, cut in zip(prompts, encoded, _cuts(prompts, texts, encoder), strict=True):
            prompt.features, prompt.text_cut = features, cut

    work.fail("encode", dict(isolate(run, work.prompts, (BadInput,))))  # an encoder that does not load
    return recall.computed


def _encoded(
    prompts: Sequence[Prompt], texts: Sequence[str], encoder: TextEncoder, recall: Recall
) -> Sequence[Encoded]:
    """Features of the prompts, merged with those of their negative texts where the encoder knows such."""
    made = recall("text", texts, partial(encode_batch, encoder, encoder.encode))
    if encoder.encode_negative is None:
        return made
    negatives = [prompt.negative_text for prompt in prompts]
    others = recall("negative", negatives, partial(encode_batch, encoder, encoder.encode_negative))
    return [{**features, **other} for features, other in zip(made, others, strict=True)]


def _cuts(prompts: Sequence[Prompt], texts: Sequence[str], encoder: TextEncoder) -> list[bool]:
    """Whether a prompt's text, or its negative text, is longer than what the encoder reads of it."""
    cuts = encoder.cuts(texts)
    negatives = list({prompt.negative_text for prompt in prompts if prompt.negative_text})  # mostly one or none
    long = {text for text, cut in zip(negatives, encoder.cuts(negatives), strict=True) if cut} if negatives else set()
    return [cut or prompt.negative_text in long for cut, prompt in zip(cuts, prompts, strict=True)]


def encode_batch(
    encoder: TextEncoder, encode: Callable[[list[Text]], Sequence[Any]], texts: Sequence[Text]
) -> list[Any]:
    """What `encode`, a method of the encoder, makes of the texts, in smaller chunks where the device's memory ends.

    Raises:
        BadInput: the encoder cannot be loaded.
        MemoryError: not even one text fits.
    """
    ready(encoder)
    return list(halving(lambda: encode(list(texts)), encoder.limit))
