"""Encode: features of the texts that scenes were made from, and of the names of things that are added."""

from models.protocols import TextEncoder
from tasks.adjust.history import earlier_edits
from tasks.adjust.make import edit_of
from tasks.adjust.shard_state import Adjusted, AdjustShard
from tasks.render.encode import encode_batch


def encode_scenes(work: AdjustShard, encoder: TextEncoder) -> None:
    """Sets `features` and `described` of every picture whose scene is needed. Raises BadInput, MemoryError."""
    items = [item for item in work.items if item.of_scene and item.given.get("generator_digest")]
    texts = list(dict.fromkeys(text for item in items for text in _texts(item)))
    if not texts:
        return
    with work.timed("encode"):
        features = dict(zip(texts, encode_batch(encoder, encoder.encode, texts), strict=True))
    for item in items:
        first, *names = _texts(item)
        item.features = features[first]
        item.described = {name: features[name] for name in names}


def _texts(item: Adjusted) -> list[str]:
    """The text of a picture as the encoder had it, then the names of things that are added to it."""
    try:
        edits = earlier_edits(item.given)
    except ValueError:
        edits = []  # told when the picture is made
    edits += [edit_of(step) for step in item.plan.steps if step.of_scene]
    names = [edit.name for edit in edits if edit.step in {"add", "count"}]
    return [str(item.given.get("encoder_text") or item.given.get("text") or ""), *dict.fromkeys(names)]
