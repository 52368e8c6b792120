"""Placements: each platform's rules as dated data, from the files in `placements/` and one of the user's own."""

from collections.abc import Iterable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.layout.box import Box
from tasks.layout.sheet import Sheet
from tasks.loading.yaml_files import as_mapping, fill, load_yaml
from tasks.runfolder.errors import BadInput

Pixels = Annotated[int, Field(ge=1, le=10_000)]
Share = Annotated[float, Field(ge=0, lt=0.5)]
Format = Literal["jpeg", "png"]
MOVING = {"mp4", "mov", "gif", "webm", "avi", "video", "html5", "zip"}
_MARGIN = 0.045  # of the shorter side, where a platform asks for no safe area: copy never touches the edge


class SafeArea(BaseModel):
    """What the platform may cover or cut off at each side, as shares of height and width."""

    model_config = ConfigDict(extra="forbid")

    top: Share = 0
    bottom: Share = 0
    left: Share = 0
    right: Share = 0


class Placement(BaseModel):
    """A place for an ad, and its rules."""

    model_config = ConfigDict(extra="forbid")

    platform: str
    size: tuple[Pixels, Pixels]
    """Width and height."""
    least: tuple[Pixels, Pixels] | None = None
    """The smallest size that the platform takes."""
    ratio: Annotated[float, Field(gt=0)] | None = None
    """Of width and height."""
    ratio_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    formats: Annotated[list[Format], Field(min_length=1)]
    """The first is the default."""
    bytes: Annotated[int, Field(ge=1000)] | None = None
    """The most of a file."""
    safe: SafeArea = SafeArea()
    characters: dict[str, Annotated[int, Field(ge=1)]] = {}
    """The most of a column of the copy, or of one in a language, such as `headline.ja`."""
    text_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The most of the picture that text may cover; 0: neither text nor logo on it."""
    logo_least: tuple[Pixels, Pixels] | None = None
    """The smallest logo file that the platform takes, where logos are uploaded beside the picture."""
    region: Literal["cn", "eu", ""] = ""
    """Whose law on labels applies; empty where it depends on where the ad is shown."""
    source: str
    """The page that says so."""
    read: date
    confidence: Literal["official", "third-party"]
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _still(cls, values: Any) -> Any:
        for format in values.get("formats") or () if isinstance(values, dict) else ():
            if str(format).lower() in MOVING:
                raise ValueError(
                    f"the format {format!r} is animated or video, which is not made here; take jpeg or png."
                )
        return values

    @model_validator(mode="after")
    def _consistent(self) -> "Placement":
        width, height = self.size
        if self.least is not None and (width < self.least[0] or height < self.least[1]):
            raise ValueError(f"size {width}x{height} is below the least, {self.least[0]}x{self.least[1]}.")
        if self.ratio is not None and abs(width / height / self.ratio - 1) > self.ratio_tolerance + 1e-9:
            raise ValueError(
                f"size {width}x{height} has the ratio {width / height:.3f}, "
                f"not {self.ratio} within {self.ratio_tolerance:.0%}."
            )
        safe = self.safe
        if safe.top + safe.bottom > 0.8 or safe.left + safe.right > 0.8:
            raise ValueError("the safe area is less than a fifth of the file; check the shares.")
        return self

    def sheet(self) -> Sheet:
        """The file as the layout sees it: text and logo stay in the safe area, and off the edge."""
        width, height = self.size
        margin = max(2, round(_MARGIN * min(width, height)))
        whole = Box(0, 0, width, height)
        safe = whole.inset(self.safe.left, self.safe.top, self.safe.right, self.safe.bottom)
        return Sheet(width, height, safe.within(whole.grown(-margin)), self.text_share)

    def limit(self, column: str, language: str) -> int | None:
        """The most characters of a column of the copy in a language."""
        return self.characters.get(f"{column}.{language.split('-', maxsplit=1)[0]}", self.characters.get(column))


def load_placements(own: Path | None = None) -> dict[str, Placement]:
    """All placements by name: those in this package, and the user's, which add to them or take their place.

    Raises:
        BadInput: the user's file is wrong; the sentence says what.
    """
    found: dict[str, Placement] = {}
    folder = files("tasks.campaign").joinpath("placements")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        content = yaml.safe_load(entry.read_text("utf-8"))
        found |= {name: fill(Placement, values, f"{entry.name}: {name}") for name, values in content.items()}
    if own is not None:
        for name, values in as_mapping(load_yaml(own), str(own)).items():
            given = as_mapping(values, f"{own}: {name}")
            known = found[name].model_dump(exclude_unset=True) if name in found else {}
            found[name] = fill(Placement, known | given, f"{own}: {name}")
    return found


def choose(names: Iterable[str], known: dict[str, Placement]) -> dict[str, Placement]:
    """The placements of these names. Raises BadInput for an unknown one."""
    import difflib

    chosen = {}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list-placements prints them."
            raise BadInput(f"placements: there is no {name!r}; {hint}")
        chosen[name] = known[name]
    return chosen
