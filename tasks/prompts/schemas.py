"""Schemas of several files: brought to one where no value changes by it, else refused by the column's name."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from tasks.runfolder.errors import BadInput

_T = pa.types


@dataclass(frozen=True)
class FileSchema:
    """The columns of one file; `open`: one that lacks a column has nothing there, as an object that lacks a key."""

    name: str
    schema: pa.Schema
    open: bool = False


def unified(files: list[FileSchema], loose: Iterable[str]) -> pa.Schema:
    """One schema that every file's rows fit into.

    Args:
        loose: columns that become text where files differ, as they are read value by value.

    Raises:
        BadInput: a column is in one file alone, or has types that no value of both would keep.
    """
    owners: dict[str, str] = {}
    types: dict[str, pa.DataType] = {}
    everywhere = {name for file in files for name in file.schema.names}
    distinct: set[tuple[bool, pa.Schema]] = set()
    for file in files:
        if (key := (file.open, file.schema)) in distinct:
            continue
        distinct.add(key)
        for field in file.schema:
            kind = plain(field.type)
            known = types.setdefault(field.name, kind)
            owner = owners.setdefault(field.name, file.name)
            merged = common_type(known, kind)
            if merged is None and field.name not in loose:
                raise BadInput(
                    f"{file.name}: column {field.name!r} holds {kind}, but {known} in {owner}; write both alike."
                )
            types[field.name] = merged or pa.string()
    for file in files:
        lacking = [] if file.open else [name for name in types if name not in set(file.schema.names)]
        if lacking and everywhere:
            raise BadInput(
                f"{file.name}: its columns differ from those of {owners[lacking[0]]}, where there is "
                f"{lacking[0]!r}; give files of the same columns to a run."
            )
    return pa.schema(types)


def plain(kind: pa.DataType) -> pa.DataType:
    """The type in the place of one that Arrow stores but has few functions for, such as string_view."""
    if _T.is_string_view(kind):
        return pa.string()
    if _T.is_binary_view(kind):
        return pa.binary()
    if _T.is_run_end_encoded(kind):
        return plain(kind.value_type)
    if _T.is_dictionary(kind):
        value = plain(kind.value_type)
        return kind if value == kind.value_type else value
    if _T.is_list(kind) or _T.is_large_list(kind) or _T.is_list_view(kind) or _T.is_large_list_view(kind):
        value = plain(kind.value_type)
        views = _T.is_list_view(kind) or _T.is_large_list_view(kind)
        return pa.list_(kind.value_field.with_type(value)) if views or value != kind.value_type else kind
    if _T.is_struct(kind):
        fields = [field.with_type(plain(field.type)) for field in kind]
        return kind if all(a.type == b.type for a, b in zip(fields, kind, strict=True)) else pa.struct(fields)
    if _T.is_map(kind):
        key, item = plain(kind.key_type), plain(kind.item_type)
        return kind if (key, item) == (kind.key_type, kind.item_type) else pa.map_(key, item)
    return kind


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds every value of both, or None.

    Whole numbers beside fractions become fractions: a number too long for one is found when its row is read.
    """
    if one == other:
        return one
    one, other = (kind.value_type if _T.is_dictionary(kind) else kind for kind in (one, other))
    try:
        schemas = [pa.schema({"": one}), pa.schema({"": other})]
        merged = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None
    return merged if _keeps(one, merged) and _keeps(other, merged) else None


def _keeps(kind: pa.DataType, merged: pa.DataType) -> bool:
    """Whether a checked cast to `merged` is all it takes to keep the values."""
    if kind == merged or _T.is_null(kind):
        return True
    if _T.is_nested(kind):
        return all(_keeps(a, b) for a, b in _parts(kind, merged))
    if _is_text(kind) or _is_text(merged):
        return _is_text(kind) and _is_text(merged)
    if _T.is_decimal(kind) or _T.is_decimal(merged):
        return _T.is_decimal(kind) and _T.is_decimal(merged)
    return True


def _parts(kind: pa.DataType, merged: pa.DataType) -> list[tuple[pa.DataType, pa.DataType]]:
    if _T.is_struct(kind):
        return [(field.type, merged.field(field.name).type) for field in kind]
    if _T.is_map(kind):
        return [(kind.key_type, merged.key_type), (kind.item_type, merged.item_type)]
    return [(kind.value_type, merged.value_type)]


def _is_text(kind: pa.DataType) -> bool:
    return _T.is_string(kind) or _T.is_large_string(kind) or _T.is_string_view(kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type can be a text or an id."""
    return _is_text(kind.value_type if _T.is_dictionary(kind) else kind)


def converted(column: pa.ChunkedArray, kind: pa.DataType) -> tuple[pa.ChunkedArray, list[tuple[int, str]]]:
    """A column in another type, and the values that have no place there (null in it): their rows and what they are."""
    if column.type == kind:
        return column, []
    try:
        return _cast(column, kind), []
    except (pa.ArrowException, ValueError, TypeError):
        pass
    pieces, lost = [], []
    for i in range(len(column)):
        try:
            pieces += _cast(column.slice(i, 1), kind).chunks
        except (pa.ArrowException, ValueError, TypeError):
            pieces.append(pa.nulls(1, kind))
            lost.append((i, str(column[i])[:40]))
    return pa.chunked_array(pieces, kind).combine_chunks(), lost


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if _T.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), kind)])
    if _T.is_nested(column.type):  # value by value: a cast of list views gives broken arrays (pyarrow 26)
        return pa.chunked_array([pa.array(column.to_pylist(), kind)])
    if _is_text(kind) and not is_text(column.type):
        values = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, kind)])
    return column.cast(kind)
