"""The job of `series`: subjects, and the style that all of them have."""

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Self

from pydantic import Field

from flows.jobs.local import Place
from flows.jobs.render import RenderJob, RenderOptions, at_day
from flows.jobs.strict import StrictJob
from tasks.runfolder.errors import BadInput


class SeriesOptions(RenderOptions):
    """All options of `series` except its input and output."""

    style: str = ""
    """Words of style that every prompt ends with, such as `linocut, thick lines`."""
    light: str = ""
    """Words of light, such as `low evening sun`."""
    camera: str = ""
    """Words of camera, such as `35 mm, eye level`."""
    palette: list[str] = Field(default=[])
    """The colours of all pictures: #RRGGBB or names; or a picture that has them."""
    palette_strength: Annotated[float, Field(gt=0, le=1)] = 0.8
    """How far the pictures' colours are moved to the palette."""
    reference: str | None = None
    """A picture that all follow, for generators that follow pictures; local or s3://."""
    anchor: bool = False
    """Make the first subject's picture first, and have all others follow it."""


class SeriesJob(StrictJob, SeriesOptions):
    """Subjects in one style in, pictures out."""

    subjects: Annotated[list[str] | Place, Field(min_length=1)]
    """The subjects: a list of texts, or a file as `render` takes it."""
    out: Place
    """The run folder, local or s3://; {date} is the day in the schedule's time zone, else in UTC."""
    name: str = "Series"
    """What the page calls it."""

    def dated(self, day: date) -> "SeriesJob":
        """The job with `{date}` in its paths filled in."""
        subjects = self.subjects if isinstance(self.subjects, list) else at_day(self.subjects, day)
        return self.model_copy(update={"subjects": subjects, "out": at_day(self.out, day)})

    @property
    def title(self) -> str:
        """Input and output in a few words."""
        named = f"{len(self.subjects)} subjects" if isinstance(self.subjects, list) else PurePath(self.subjects).name
        return f"{named} to {self.out}{self.addition}"

    def own(self) -> dict[str, Any]:
        """The options that shape the pictures beside those of `render`."""
        names = {"style", "light", "camera", "palette", "palette_strength", "anchor"}
        return self.model_dump(mode="json", include=names)

    def render_job(self, swatch: str | None = None) -> RenderJob:
        """The job that makes the pictures; `swatch` is a picture of the palette."""
        shared = self.model_dump(include=set(RenderJob.model_fields) - {"out", "enhance"})
        step = f"palette:{swatch}@{self.palette_strength:g}" if swatch else ""
        chain = ",".join(part for part in (self.enhance, step) if part)
        source = self.subjects if isinstance(self.subjects, str) else "subjects"
        return RenderJob(prompts=source, out=self.out, enhance=chain, **shared)

    def checked(self) -> Self:
        """The job, if its options fit together. Raises BadInput."""
        self.render_job().checked()
        if self.anchor and self.reference is not None:
            raise BadInput("anchor and reference both say what all pictures follow; drop either.")
        return self
