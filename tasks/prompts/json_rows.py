"""Rows of JSON lines and JSON arrays, and the type that each key has over the whole file.

A JSON string is text, whatever it looks like. A key that some rows lack is null there; one whose values have no common
type becomes text, as JSON writes them.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from models.messages import one_line
from tasks.prompts.rows import Row, bad, blocks
from tasks.prompts.schemas import common_type
from tasks.prompts.text_input import LONGEST_LINE, Lines, is_damaged, is_too_long
from tasks.runfolder.errors import BadInput

MOST_KEYS = 1000
DEEPEST = 32  # lists and objects within one another: deeper values are kept as text, as Parquet's readers have limits
TOO_DEEP = "JSON that is nested too deep"
READ = 1 << 16  # characters of an array at once
BETWEEN = " \t\r\n,[]"  # what stands between the objects of an array; its ends need no notice


def json_rows(lines: Lines, name: str, by_line: bool) -> Iterator[Row]:
    """The rows of a file: an object a line, or one array (or any sequence) of objects.

    Raises:
        BadInput: a sequence is no JSON, from some place on.
    """
    if not by_line:
        yield from _sequence(lines, name)
        return
    for number, line in lines:
        if line.strip():
            yield _row(number, line)


def is_by_line(lines: Lines, named_so: bool) -> bool:
    """Whether a file has an object a line, by its beginning; `named_so`: even if its first line is none."""
    start = lines.read(READ).lstrip()
    return not start.startswith("[") and (named_so or _is_whole(start.partition("\n")[0]))


def json_schema(rows: Iterable[Row], name: str) -> pa.Schema:
    """The keys of all rows, in the order they come in, and their types.

    Raises:
        BadInput: there are too many keys.
    """
    types: dict[str, pa.DataType] = {}
    for block in blocks(rows):
        for key in dict.fromkeys(key for row in block for key in row.values):
            kind = _type_of([row.values.get(key) for row in block])
            types[key] = _merged(types.get(key, pa.null()), kind)
        if len(types) > MOST_KEYS:
            raise BadInput(f"{name}: its objects have more than {MOST_KEYS:,} different keys; give rows of one kind.")
    return pa.schema({key: pa.string() if _is_empty(kind) else kind for key, kind in types.items()})


def with_text(rows: Iterable[Row], schema: pa.Schema, text_column: str | None) -> Iterator[Row]:
    """The rows with values of any type written as text where the column is text.

    Args:
        text_column: the prompts, of which only strings are taken.
    """
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    for row in rows:
        others = {key: value for key in texts if (value := row.values.get(key)) is not None and type(value) is not str}
        if not others:
            yield row
        elif text_column in others:
            yield bad(row.line, f"{text_column} is {_written(others[text_column])[:40]}; give a text in quotes")
        else:
            try:
                yield row._replace(values={**row.values, **{key: _written(value) for key, value in others.items()}})
            except RecursionError:
                yield bad(row.line, TOO_DEEP)


def _is_whole(line: str) -> bool:
    """Whether a line is JSON by itself."""
    try:
        json.loads(line.strip().rstrip(","))
    except (ValueError, RecursionError):
        return False
    return True


def _row(number: int, line: str) -> Row:
    if is_damaged(line):
        return bad(number, "not UTF-8 text")
    if is_too_long(line):
        return bad(number, f"more than {LONGEST_LINE:,} characters in a line")
    try:
        return _object(number, json.loads(line.strip().rstrip(","), object_pairs_hook=_once))
    except ValueError as error:
        return bad(number, f"not JSON ({error})" if isinstance(error, json.JSONDecodeError) else str(error))
    except RecursionError:
        return bad(number, TOO_DEEP)


def _object(number: int, value: Any) -> Row:
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict):
        return bad(number, f"not an object of columns but {_written(value)[:40]}")
    return Row(number, value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _sequence(lines: Lines, name: str) -> Iterator[Row]:
    """Objects one after another, in brackets or not; commas and blanks between them, lines wherever."""
    text, number, opened = "", 1, 0
    while True:
        blank = len(text) - len(text.lstrip(BETWEEN))
        number += text.count("\n", 0, blank)
        opened += text.count("[", 0, blank) - text.count("]", 0, blank)
        text = text[blank:]
        more = ""
        try:
            value, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError) as error:
            more = lines.read(READ) if isinstance(error, json.JSONDecodeError) else ""
            if not (text or more):
                if opened > 0:
                    raise BadInput(f"{name}: the array is not closed; the file is cut short.") from error
                return
            if not more or len(text) > LONGEST_LINE:
                raise BadInput(f"{name}: line {number}: not JSON from here on ({one_line(error)}); mend it.") from error
            text += more
            continue
        row = _object(number, value)
        yield bad(number, "not UTF-8 text") if is_damaged(text[:end]) else row
        number += text.count("\n", 0, end)
        text = text[end:]


def _type_of(values: list[Any]) -> pa.DataType:
    try:
        kind = pa.array(values).type
        return pa.string() if _is_deep(kind) else kind
    except UnicodeError:
        return pa.string()  # the row is told apart when it is written
    except (pa.ArrowException, OverflowError, ValueError, TypeError, RecursionError):
        return pa.string()


def _is_deep(kind: pa.DataType, left: int = DEEPEST) -> bool:
    return left == 0 or any(_is_deep(kind.field(i).type, left - 1) for i in range(kind.num_fields))


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    return common_type(one, other) or pa.string()


def _is_empty(kind: pa.DataType) -> bool:
    """Whether Parquet has no place for it: an object without keys."""
    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_is_empty(field.type) for field in kind)
    return pa.types.is_list(kind) and _is_empty(kind.value_type)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
