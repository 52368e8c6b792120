"""A job that refuses unknown options: a misspelt one in a deployment must not silently leave the default in place."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from flows.jobs.form import as_form


def unknown_option(name: str, known: Iterable[str]) -> str:
    """A sentence about an option that does not exist."""
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), list(known), n=1)
    return f"unknown option {name!r}; " + (f"did you mean {near[0]!r}?" if near else "--help lists them.")


class StrictJob(BaseModel):
    """Base of the jobs, which Prefect's form, deployments and YAML files fill in by option name."""

    model_config = ConfigDict(extra="forbid")  # also in the schema by which the server checks parameters

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        resolved = handler.resolve_ref_schema(schema)
        shown = as_form(cls, resolved)
        resolved.clear()
        resolved.update(shown)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _knows_all(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls.model_fields:
                    raise ValueError(unknown_option(name, cls.model_fields))
        return values
