"""The encode stage: text encoder inference, from texts to features."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from models.device import is_broken
from models.protocols import TextEncoder
from models.text_features import Encoded
from tasks.loading.bisect_failures import isolate
from tasks.loading.feature_store import FeatureFolder, Recall, Text
from tasks.loading.models import ready
from tasks.loading.oom_batching import halving
from tasks.render.shard_state import Prompt, RenderShard
from tasks.runfolder.errors import BadInput

TOGETHER = 256  # texts of several shards that are encoded at once; pictures wait meanwhile


def encode(work: RenderShard, encoder: TextEncoder, kept: FeatureFolder | None = None) -> dict[str, dict[str, Tensor]]:
    """Sets `features` of every prompt of the shard; moves prompts it fails for to its failures.

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
        for prompt, features in zip(prompts, _encoded(prompts, work.ahead, encoder, recall), strict=True):
            prompt.features = features

    work.fail("encode", dict(isolate(run, work.prompts, (BadInput,))))  # BadInput: the encoder does not load
    work.ahead = {}
    return recall.computed


class Gathering:
    """Shards whose texts wait for the device, which encodes those of several at once: its batches have a fixed number
    of rows, and the last one of every shard would have to be filled up with copies."""

    def __init__(self) -> None:
        self._waiting: list[RenderShard] = []
        self._lock = threading.Lock()

    def join(self, work: RenderShard) -> None:
        with self._lock:
            self._waiting.append(work)

    def encode(self, work: RenderShard, encoder: TextEncoder, kept: FeatureFolder | None) -> dict[str, Any]:
        """As `encode`, for a shard that has joined; others that have, too, find their texts encoded then."""
        recall = Recall(kept)
        together = self._take(work)
        if len(together) > 1:
            texts = list(dict.fromkeys(text for each in together for text in _texts(each.prompts)))
            try:
                features = recall("text", texts, partial(encode_batch, encoder, encoder.encode))
            except Exception as error:
                if is_broken(error):
                    raise  # any other error comes again, to the shard that is to blame
            else:
                for each in together:
                    each.ahead = dict(zip(texts, features, strict=True))
        return {**recall.computed, **encode(work, encoder, kept)}

    def _take(self, work: RenderShard) -> list[RenderShard]:
        """The shard and those that waited next to it, at most `TOGETHER` texts; none if another has taken it along."""
        with self._lock:
            if work not in self._waiting:
                return []
            self._waiting.remove(work)
            taken, texts = [work], len(work.prompts)
            while self._waiting and texts + len(self._waiting[0].prompts) <= TOGETHER:
                taken.append(self._waiting.pop(0))
                texts += len(taken[-1].prompts)
            return taken


def find_cuts(work: RenderShard, encoder: TextEncoder) -> None:
    """Sets `text_cut` of every prompt of the shard; moves prompts it fails for to its failures."""

    def run(prompts: Sequence[Prompt]) -> None:
        for prompt, cut in zip(prompts, _cuts(prompts, _texts(prompts), encoder), strict=True):
            prompt.text_cut = cut

    work.fail("encode", dict(isolate(run, work.prompts)))


def _texts(prompts: Sequence[Prompt]) -> list[str]:
    return [prompt.prepared.encoder_text for prompt in prompts if prompt.prepared is not None]


def _encode_references(work: RenderShard, encoder: TextEncoder) -> None:
    """Sets the features of references whose texts the generator wants to know."""
    known = [one for prompt in work.prompts for reference in prompt.references for one in reference.texts()]
    new = list(dict.fromkeys(str(one.text) for one in known if one.features is None))
    found: dict[str, Any] = dict(zip(new, encode_batch(encoder, encoder.encode, new), strict=True)) if new else {}
    for one in known:
        if one.features is None:
            one.features = found[str(one.text)]


def _encoded(
    prompts: Sequence[Prompt], ahead: Mapping[str, Encoded], encoder: TextEncoder, recall: Recall
) -> Sequence[Encoded]:
    """Features of the prompts, merged with those of their negative texts if the encoder supports them."""
    texts = _texts(prompts)
    new = [text for text in texts if text not in ahead]
    found: dict[str, Any] = dict(
        zip(new, recall("text", new, partial(encode_batch, encoder, encoder.encode)), strict=True)
    )
    positive: list[Any] = [ahead[text] if text in ahead else found[text] for text in texts]
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
