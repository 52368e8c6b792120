"""Encode: texts to a language model's features."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from models.diffusers.text_half import DiffusersTextEncoder
from models.text.text_encoder import TextEncoder
from models.text_features import Encoded
from tasks.loading.bisect_failures import isolate
from tasks.loading.feature_store import FeatureFolder, Recall, Text
from tasks.loading.models import AnyEncoder, ready
from tasks.loading.oom_batching import halving
from tasks.render.shard_state import Prompt, Work
from tasks.runfolder.errors import BadInput


def encode(work: Work, encoder: AnyEncoder, kept: FeatureFolder | None = None) -> dict[str, dict[str, Tensor]]:
    """Sets the features of every prompt of the shard, and whether one of its texts was too long to be read whole; a
    prompt that cannot be encoded is taken out of the shard.

    Args:
        kept: features of earlier runs of a diffusers checkpoint; what is there is not made again.

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
    return recall.made


def _encoded(prompts: Sequence[Prompt], texts: Sequence[str], encoder: AnyEncoder, recall: Recall) -> Sequence[Encoded]:
    """Features of the prompts, with those of their negative texts where a checkpoint knows such."""
    if not isinstance(encoder, DiffusersTextEncoder):
        return features_of(texts, encoder)
    made = recall("text", texts, partial(_made, encoder, encoder.encode))
    if not encoder.interface.knows_negative:
        return made
    negatives = [prompt.negative_text for prompt in prompts]
    others = recall("negative", negatives, partial(_made, encoder, encoder.encode_negative))
    return [{**features, **other} for features, other in zip(made, others, strict=True)]


def _cuts(prompts: Sequence[Prompt], texts: Sequence[str], encoder: AnyEncoder) -> list[bool]:
    """Whether a prompt's text, or its negative text, is longer than what the encoder reads of it."""
    cuts = encoder.cuts(texts)
    negatives = list({prompt.negative_text for prompt in prompts if prompt.negative_text})  # mostly one or none
    long = {text for text, cut in zip(negatives, encoder.cuts(negatives), strict=True) if cut} if negatives else set()
    return [cut or prompt.negative_text in long for cut, prompt in zip(cuts, prompts, strict=True)]


def _made(
    encoder: DiffusersTextEncoder, encode: Callable[[list[Text]], list[dict[str, Tensor]]], texts: list[Text]
) -> list[dict[str, Tensor]]:
    ready(encoder)
    return halving(lambda: encode(texts), encoder.limit)


def features_of(texts: Sequence[str], encoder: TextEncoder) -> list[Tensor]:
    """One (tokens, width) float32 a text; where the device's memory ends, the encoder goes on in smaller chunks.

    Raises:
        MemoryError: not even one text fits.
    """
    return halving(lambda: encoder.encode(texts), encoder.limit)
