"""What Prefect's form shows of a job: required fields first, and under each what the command's help says."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


def as_form(model: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    """A model's JSON schema, with descriptions from the docstrings under its fields and the required fields first."""
    told = {name: text for parent in reversed(model.__mro__) for name, text in _docstrings(parent).items()}
    required = schema.get("required", [])
    names = sorted(schema["properties"], key=lambda name: name not in required)
    properties = {name: {"description": told[name]} if name in told else {} for name in names}
    offered = {name: _offered(schema["properties"][name]) for name in names}
    return {**schema, "properties": {name: properties[name] | offered[name] for name in names}}


def _offered(field: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without what is for tests and benchmarks."""
    return {**field, "enum": [value for value in field["enum"] if value != "dummy"]} if "enum" in field else field


@cache
def _docstrings(model: type) -> dict[str, str]:
    """The texts under the fields of a class, without those of its parents."""
    if not issubclass(model, BaseModel) or model is BaseModel:
        return {}
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value).replace("\n", " ")
        for field, text in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
