"""Options of a run that nobody watches over: how patient it is, and how it tells what it does."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(duration: str) -> float:
    """Seconds of `30m`, `90s`, `1.5h`, `2d` or `0`.

    Raises:
        ValueError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])|0", duration.strip().lower())
    if found is None:
        raise ValueError(f"{duration!r} is no duration; give a number with s, m, h or d, such as 30m.")
    return float(found[1]) * _UNITS[found[2]] if found[1] else 0.0


def parse_duration(value: str) -> str:
    """Checks a duration."""
    seconds_of(value)
    return value


Duration = Annotated[str, AfterValidator(parse_duration)]


class ServiceOptions(BaseModel):
    """How a run copes with what fails around it; none of these changes its results."""

    store_patience: Duration = "30m"
    """How long to wait for an object store that stops answering (30m, 90s, 2h; 0: not at all). At its start only a run
    of a Prefect worker waits; a command says at once that the store is away."""

    log_format: Literal["text", "json"] = "text"
    """What stderr gets: lines for a person, or every event as a line of JSON for what collects logs."""

    metrics_port: Annotated[int | None, Field(ge=1, le=65_535)] = None
    """Serve figures for Prometheus on this port while the run lasts."""
    metrics_file: str | None = None
    """Keep them in this local file, which ends in .prom, for node_exporter's textfile collector."""

    price_per_hour: Annotated[float | None, Field(ge=0)] = None
    """What an hour of all that the run works on costs, in any currency; the run then tells what it has cost."""

    @property
    def patience(self) -> float:
        """`store_patience` in seconds."""
        return seconds_of(self.store_patience)
