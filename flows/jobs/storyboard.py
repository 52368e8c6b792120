"""The job of `storyboard`: a script, its characters, and how the panels are made."""

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Self

from pydantic import Field

from flows.jobs.local import Place
from flows.jobs.render import RenderJob, RenderRunOptions, at_day
from flows.jobs.strict import StrictJob
from tasks.enhance.options import EnhanceOptions
from tasks.imaging.encode import Format
from tasks.render.options import LARGEST, MOST_GUIDANCE, MOST_STEPS, SMALLEST, GenerateOptions
from tasks.storyboard.film import AnimaticFormat


class StoryboardOptions(GenerateOptions, EnhanceOptions, RenderRunOptions):
    """All options of `storyboard` except its input and output."""

    characters: str | None = None
    """A YAML file of characters: look, thing, colour and other names of each; the others are drawn from the script."""
    style: str = ""
    """Words that every prompt ends with, such as `ink and watercolour`; not for the embedded model, which has one."""
    panels: list[str] = Field(default=[])
    """Make only these panels, such as s03p02, with their characters' cards; their files are those of a whole run."""
    animatic: AnimaticFormat | None = "webp"
    """Format of the film of all panels."""
    pdf: bool = True
    """Also write storyboard.pdf, for print."""
    font: list[str] = Field(default=[])
    """Fonts of film and PDF, each for the characters that those before it lack: by default DejaVu and Noto CJK."""
    width: Annotated[int | None, Field(ge=SMALLEST, le=LARGEST)] = None
    """Width of panels in pixels; by default 16:9 in the generator's size."""
    height: Annotated[int | None, Field(ge=SMALLEST, le=LARGEST)] = None
    """Height of panels in pixels."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the job: each panel's own comes from this and its id."""
    negative_text: str | None = None
    """What is to be kept out of the panels; for diffusers checkpoints that know such a thing."""
    guidance: Annotated[float | None, Field(ge=0, le=MOST_GUIDANCE)] = None
    """How closely a diffusers checkpoint follows the prompt."""
    steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """Denoising steps of a diffusers checkpoint."""
    format: Format = "png"
    """Picture format of the panels."""


class StoryboardJob(StrictJob, StoryboardOptions):
    """A script in, a storyboard out."""

    script: Place
    """The script: Fountain, Final Draft, Markdown or a table (.fountain, .fdx, .md, .csv), local or s3://."""
    out: Place
    """The run folder, local or s3://; {date} is the day in the schedule's time zone, else in UTC."""

    def dated(self, day: date) -> "StoryboardJob":
        """The job with `{date}` in its paths filled in."""
        return self.model_copy(update={"script": at_day(self.script, day), "out": at_day(self.out, day)})

    @property
    def title(self) -> str:
        """Input and output in a few words."""
        return f"{PurePath(self.script).name} to {self.out}{self.addition}"

    def own(self) -> dict[str, Any]:
        """The options that shape the panels beside those of `render`."""
        return {"style": self.style, "panels": sorted(self.panels)}

    def render_job(self) -> RenderJob:
        """The job that makes the pictures."""
        shared = self.model_dump(include=set(RenderJob.model_fields) - {"out", "width", "height"})
        return RenderJob(prompts=self.script, out=self.out, **shared)

    def checked(self) -> Self:
        """The job, if its options fit together. Raises BadInput."""
        self.render_job().checked()
        return self
