"""What a row says of its id, seed, size and count: values of any type a file may have, checked one by one."""

import math
import re
from decimal import Decimal
from typing import Any
from uuid import UUID

_WHOLE = re.compile(r"\s*[+-]?[0-9]+(\.0*)?\s*")


def row_id(value: Any) -> str:
    """An id as text.

    Raises:
        ValueError: it is neither text nor a whole number nor a UUID.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        raise ValueError(f"the id {str(value)[:80]} is not UTF-8 text.")
    number = _as_whole(value)
    if number is None:
        raise ValueError(f"the id is {str(value)[:40]!r}; ids are text, whole numbers or UUIDs.")
    return str(number)


def whole(value: Any, name: str, low: int, high: int) -> int:
    """A whole number, also one that is written as text or with a fraction of zero.

    Raises:
        ValueError: it is none, or not within the limits.
    """
    number = _as_whole(value)
    if number is None:
        told = str(value)[:40]
        raise ValueError(f"{name} is {repr(told) if isinstance(value, str | bytes) else told}; give a whole number.")
    if not low <= number <= high:
        raise ValueError(f"{name} is {number}; give a whole number from {low} to {high}.")
    return number


def number(value: Any, name: str, low: float, high: float) -> float:
    """A number.

    Raises:
        ValueError: it is none, or not within the limits.
    """
    try:
        found = math.nan if isinstance(value, bool | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not low <= found <= high:
        raise ValueError(f"{name} is {str(value)[:40]!r}; give a number from {low} to {high}.")
    return found


def utf8_text(value: Any, name: str) -> str:
    """A text. Raises ValueError for bytes, which stand for text that is not UTF-8."""
    if isinstance(value, bytes):
        raise ValueError(f"{name} is not UTF-8 text.")
    return str(value)


def _as_whole(value: Any) -> int | None:
    if isinstance(value, str):
        return int(Decimal(value.strip())) if len(value) < 100 and _WHOLE.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not math.isfinite(value) or value != int(value):
        return None
    return int(value)
