"""The job of `reprocess`: the archive, the enhancement of its pictures, and de-identification."""

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from flows.jobs.local import Place
from flows.jobs.render import RunOptions, at_day
from flows.jobs.strict import StrictJob
from tasks.adjust.reader import read_chain
from tasks.dicom.retain import RetainOptions
from tasks.enhance.options import EnhanceOptions
from tasks.imaging.burned_in import BurnedInOptions
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import check_out
from tasks.runfolder.storage import Storage


class ReprocessOptions(EnhanceOptions, BurnedInOptions, RetainOptions, RunOptions):
    """All options of `reprocess` except its input and output."""

    keep_identity: bool = False
    """Keep names, ids, dates, private elements and file names; by default DICOM's Basic Profile removes them."""
    instruct: str | None = None
    """Enhancement in plain words, English or Chinese, after that of --enhance: `a bit more contrast, less noise`."""
    shard_size: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """Files per shard, the unit of work and retry; by default 16, and never more than 64 MB together."""


class ReprocessJob(StrictJob, ReprocessOptions):
    """An archive of pictures in, enhanced ones out."""

    archive: Place
    """A folder, local or s3://, with DICOM, PNG, TIFF, JPEG, WebP or JPEG XL; {date} is the day in the
    schedule's time zone, else in UTC."""
    out: Place
    """The run folder, local or s3://; {date} is the day in the schedule's time zone, else in UTC."""

    @model_validator(mode="after")
    def _instructed(self) -> Self:
        """Adds the steps of `instruct` to the chain, once: a job may be validated again."""
        if self.instruct is not None:
            chain = read_chain(self.instruct)
            if not f",{self.enhance}".endswith(f",{chain}"):
                self.enhance = ",".join(filter(None, [self.enhance, chain]))
        return self

    def dated(self, day: date) -> "ReprocessJob":
        """The job with `{date}` in its paths filled in."""
        return self.model_copy(update={"archive": at_day(self.archive, day), "out": at_day(self.out, day)})

    @property
    def title(self) -> str:
        """Input and output in a few words."""
        return f"{PurePath(self.archive).name} to {self.out}{self.addition}"

    def shaping(self) -> dict[str, Any]:
        """The options that determine the results; a run can only be resumed with the same ones."""
        shaping = self.model_dump(
            mode="json", exclude={"archive", "out", "instruct", "shard_size", *RunOptions.model_fields}
        )
        if not self.retain:  # runs from before the option go on
            del shaping["retain"]
        return shaping | {"enhance": self.enhance_named}

    def checked(self) -> Self:
        """The job, if its options fit together and its run folder may be written to.

        Raises:
            BadInput: they don't, or it may not.
        """
        super().checked()
        if self.retain and self.keep_identity:
            raise BadInput("--retain names what de-identification keeps; with --keep-identity all is kept: choose one.")
        archive, out = f"{Storage(self.archive).url()}/", f"{Storage(self.out).url()}/"
        if out.startswith(archive) or archive.startswith(out):
            raise BadInput(
                f"--out {self.out}: it lies in the archive, or the archive lies in it; choose a folder outside of it."
            )
        check_out(self.out)
        return self
