"""What the fuzzers share: how many inputs they try, and how bytes and configurations are damaged.

    IMAGEMILL_FUZZ=10000 pytest tests -k fuzz

tries ten thousand inputs of each kind (by default as many as take some seconds).
"""

import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("IMAGEMILL_FUZZ", "60"))


def fuzzed(at_once: int = 1) -> settings:
    """For tests that try `at_once` inputs a time."""
    return settings(
        max_examples=max(10, EXAMPLES // at_once),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )


Changes = list[tuple[float, bytes, int]]
CHANGES: st.SearchStrategy[Changes] = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4), st.integers(0, 4)), min_size=1, max_size=4
)
"""Bytes put in and taken out, and where: a share of the length, squared, as what counts is at a file's beginning."""


def damaged(data: bytes, changes: Changes) -> bytes:
    """The bytes with the changes made; a change of no byte at all cuts the end off."""
    made = bytearray(data)
    for place, put, taken in changes:
        at = int(place**2 * len(made))
        if put or taken:
            made[at : at + taken] = put
        else:
            del made[at:]
    return bytes(made)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**31, 2**63, 2**70, 1e308, -0.5, float("nan"), float("inf")]),
    st.sampled_from(["", "x", "../x", "/etc/passwd", "\0", "é" * 300, "default", "torch.load"]),
    st.sampled_from([[], {}, [[]], {"a": {}}, [None] * 3]),
)
"""JSON values that no configuration means."""


def altered(content: bytes, place: float, value: Any) -> bytes:
    """A JSON document with one value, at any depth, replaced."""
    document = json.loads(content)
    places = list(_places(document))
    if not places:
        return json.dumps(value).encode()
    holder, key = places[int(place * len(places))]
    holder[key] = value
    return json.dumps(document).encode()


def _places(document: Any) -> Any:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)
