"""Templates: where picture, logo and copy go, as boxes anchored to each other rather than in pixels."""

from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, le=1)]


class BoxSpec(BaseModel):
    """A box of the stack of copy."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["text", "button", "badge", "logo"]
    """A button and a badge are text on a shape of a colour."""
    copy_of: str = ""
    """The column of the copy that it shows; none for a logo."""
    share: Share
    """Of the room along the stack, before the shares of empty boxes are given to the others."""
    size: Share = 1.0
    """The largest type, as a share of the geometric mean of the file's edges."""
    lines: Annotated[int, Field(ge=1)] = 99
    bold: bool = False
    required: bool = False
    """Without it there is no ad."""
    grows: bool = False
    """It takes room that others leave, after buttons and badges and before other texts."""
    beside: bool = False
    """In a column, it stands beside the button or badge before it, if there is one."""
    colour: str = "accent"
    """The brand colour of a button or badge."""


class CopyArea(BaseModel):
    """The part of the safe area, or of the panel, that holds the copy."""

    model_config = ConfigDict(extra="forbid")

    sides: list[Literal["start", "end", "top", "bottom"]] = Field(default=["start"], min_length=1)
    """Where it may be; over a picture the calmest of them that leaves the subject free."""
    width: Share = 1.0
    height: Share = 1.0
    flow: Literal["column", "row"] = "column"
    align: Literal["start", "middle"] = "start"
    rest: Literal["top", "middle", "bottom"] = "middle"
    """Where the stack is when it does not fill the area."""


class Template(BaseModel):
    """A layout for files of some ratios."""

    model_config = ConfigDict(extra="forbid")

    name: str
    ratio: tuple[float, float]
    """Of width and height: the least and the most it is for."""
    picture: Literal["whole", "start", "end", "top", "bottom"]
    """Which part of the file the picture fills; beside it is a panel."""
    picture_share: Share = 0.5
    panel: str = "primary"
    """The brand colour of the panel."""
    area: CopyArea
    boxes: list[BoxSpec] = Field(min_length=0)

    def suits(self, width: int, height: int) -> bool:
        return self.ratio[0] <= width / height < self.ratio[1]


def own_templates() -> list[str]:
    """The YAML of the templates in this package, in the order in which they are tried."""
    folder = files("tasks.layout").joinpath("templates")
    return [entry.read_text("utf-8") for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)]
