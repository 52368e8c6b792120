"""The job of `adjust`: pictures of a run, a folder or a table, and what is to be other about them."""

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Self

from pydantic import Field, field_validator

from flows.jobs.local import Place
from flows.jobs.render import RunOptions, at_day
from flows.jobs.strict import StrictJob
from tasks.imaging.encode import Format
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import without_password
from tasks.runfolder.record import check_out
from tasks.runfolder.storage import Storage


class AdjustOptions(RunOptions):
    """All options of `adjust` except its input and output."""

    instruction: str | None = None
    """What is to be other, in English or Chinese, of every picture; by default each row's own, in a column of that
    name."""
    editor: str | None = None
    """A diffusers checkpoint that edits (InstructPix2Pix, FLUX Kontext, FLUX.2 klein, Qwen-Image-Edit) or inpaints: a
    folder, s3:// or a hub id. It is given the instructions as they stand, instead of the grammar."""
    editor_steps: Annotated[int | None, Field(ge=1, le=1000)] = None
    """Denoising steps of the editor; by default its own."""
    mask: str | None = None
    """A picture of the pictures' size, white where they may change."""
    format: Format = "png"
    """Picture format; PNG and JPEG XL (`jxl`) are lossless."""
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Quality of JPEG and WebP."""
    shard_size: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """Pictures per shard, the unit of work and retry; by default 32."""

    @field_validator("mask")
    @classmethod
    def _no_password(cls, mask: str | None) -> str | None:
        return None if mask is None else without_password(mask)


class AdjustJob(StrictJob, AdjustOptions):
    """Pictures in, adjusted ones out."""

    source: Place
    """A run folder, a folder of pictures, or a table (Parquet, CSV, JSON) with a column image, local or s3://."""
    out: Place
    """The run folder, local or s3://; {date} is the day in the schedule's time zone, else in UTC."""

    def dated(self, day: date) -> "AdjustJob":
        """The job with `{date}` in its paths filled in."""
        return self.model_copy(update={"source": at_day(self.source, day), "out": at_day(self.out, day)})

    @property
    def title(self) -> str:
        """Input and output in a few words."""
        return f"{PurePath(self.source).name} to {self.out}{self.addition}"

    def checked(self) -> Self:
        """The job, if its options fit together and its run folder may be written to. Raises BadInput."""
        super().checked()
        source, out = f"{Storage(self.source).url()}/", f"{Storage(self.out).url()}/"
        if out.startswith(source) or source.startswith(out):
            raise BadInput(
                f"--out {self.out}: it lies in the source, or the source lies in it; choose a folder outside of it."
            )
        check_out(self.out)
        return self

    def shaping(self) -> dict[str, Any]:
        """The options that determine the results; a run can only be resumed with the same ones."""
        return self.model_dump(mode="json", exclude={"source", "out", "mask", "shard_size", *RunOptions.model_fields})
