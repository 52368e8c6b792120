"""YAML files as pydantic models: what is wrong with one is a sentence that names file, entry and field."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from models.messages import one_line
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import explain

Model = TypeVar("Model", bound=BaseModel)


def load_yaml(path: Path) -> Any:
    """The content of a YAML file. Raises BadInput."""
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(str(explain(error, str(path)))) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not valid YAML ({one_line(error)}); correct it.") from error


def as_mapping(content: Any, where: str) -> dict[str, Any]:
    """Raises BadInput for what is no mapping."""
    if not isinstance(content, dict):
        raise BadInput(f"{where}: this is a {type(content).__name__}; write it as `name: value` lines.")
    return {str(name): value for name, value in content.items()}


def fill(model: type[Model], content: Any, where: str) -> Model:
    """The model filled in. Raises BadInput with a sentence about the first thing that is wrong."""
    values = as_mapping(content, where)
    try:
        return model(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(problem["loc"][-1]), list(_names(model)), n=1)
            known = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(model.model_fields)}."
            raise BadInput(f"{where}: unknown field {place!r}; {known}") from error
        if problem["type"] == "missing":
            raise BadInput(f"{where}: the field {place!r} is missing; add it.") from error
        message = problem["msg"].removeprefix("Value error, ")
        told = f"{place}: {message[:1].lower()}{message[1:]}" if place else message
        raise BadInput(f"{where}: {told} (given: {problem['input']!r})") from error


def _names(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model and of the models in them."""
    for name, field in model.model_fields.items():
        yield name
        for inner in _models(field.annotation):
            yield from _names(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models(part)
