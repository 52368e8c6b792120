"""The encode stage: text encoder inference, from texts to features."""

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
from tasks.render.shard_state import Prompt, RenderShard
from tasks.runfolder.errors import BadInput


def encode(work: RenderShard, encoder: TextEncoder, kept: FeatureFolder | None = None) -> dict[str, dict[str, Tensor]]:
    """Sets `features` and `text_cut` of every prompt of the shard; moves prompts it fails for to its failures.

    Args:
        kept: cache of features from earlier runs; its texts are not encoded again.

    Returns:
        Newly computed features, by cache key.

    Raises:
        BadInput: the encoder cannot be loaded.
    """
    recall = Recall(kept)
    _encode_references(work, encoder)

    def run(prompts: Sequence[Prompt]) -> None:
        texts = [prompt.prepared.encoder_text for prompt in prompts if prompt.prepared is not None]
        encoded = _encoded(prompts, texts, encoder, recall)
        for prompt, features, cut in zip(prompts, encoded, _cuts(prompts, texts, encoder), strict=True):
            prompt.features, prompt.text_cut = features, cut

    work.fail("encode", dict(isolate(run, work.prompts, (BadInput,))))  # BadInput: the encoder does not load
    return recall.computed


def _encode_references(work: RenderShard, encoder: TextEncoder) -> None:
    """Sets the features of references whose texts the generator wants to know."""
    known = [one for prompt in work.prompts for reference in prompt.references for one in reference.texts()]
    new = list(dict.fromkeys(str(one.text) for one in known if one.features is None))
    found = dict(zip(new, encode_batch(encoder, encoder.encode, new), strict=True)) if new else {}
    for one in known:
        if one.features is None:
            one.features = found[str(one.text)]


def _encoded(
    prompts: Sequence[Prompt], texts: Sequence[str], encoder: TextEncoder, recall: Recall
) -> Sequence[Encoded]:
    """Features of the prompts, merged with those of their negative texts if the encoder supports them."""
    positive = recall("text", texts, partial(encode_batch, encoder, encoder.encode))
    if encoder.encode_negative is None:
        return positive
    negatives = [prompt.negative_text for prompt in prompts]
    others = recall("negative", negatives, partial(encode_batch, encoder, encoder.encode_negative))
    return [{**features, **other} for features, other in zip(positive, others, strict=True)]


def _cuts(prompts: Sequence[Prompt], texts: Sequence[str], encoder: TextEncoder) -> list[bool]:
    """Whether the text or negative text of each prompt is longer than the encoder reads."""
    cuts = encoder.cuts(texts)
    negatives = list({prompt.negative_text for prompt in prompts if prompt.negative_text})  # mostly one or none
    long = {text for text, cut in zip(negatives, encoder.cuts(negatives), strict=True) if cut} if negatives else set()
    return [cut or prompt.negative_text in long for cut, prompt in zip(cuts, prompts, strict=True)]


def encode_batch(
    encoder: TextEncoder, encode: Callable[[list[Text]], Sequence[Any]], texts: Sequence[Text]
) -> list[Any]:
    """Features of the texts by `encode`, a method of the encoder; smaller batches when the device runs out of memory.

    Raises:
        BadInput: the encoder cannot be loaded.
        MemoryError: not even one text fits.
    """
    ready(encoder)
    return list(halving(lambda: encode(list(texts)), encoder.limit))
