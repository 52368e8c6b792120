"""The job of `render`: the options of its stages and of the run."""

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from flows.jobs.local import Place
from flows.jobs.service import ServiceOptions
from flows.jobs.strict import StrictJob
from models.diffusers.options import Acceleration
from tasks.enhance.options import EnhanceOptions
from tasks.render.options import ExplainOptions, GenerateOptions, RankOptions, ReadOptions, WriteOptions
from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import JOINED, WHOLE, Role, part
from tasks.runfolder.record import check_out
from tasks.text.preprocess import PreprocessOptions


def parse_max_failures(value: str | None) -> str | None:
    """Checks a count (`20`) or a share of the input (`5%`)."""
    if value is not None:
        allowed_failures(value, 1)
    return value


def allowed_failures(value: str | None, rows: int) -> float:
    """How many of `rows` may be quarantined before the run stops."""
    if value is None:
        return float("inf")
    try:
        number = float(value.removesuffix("%"))
    except ValueError:
        number = -1.0
    if not number >= 0 or (value.endswith("%") and number > 100):
        raise ValueError(f"max_failures is {value!r}; give a count such as 20 or a share such as 5%.")
    return rows * number / 100 if value.endswith("%") else number


def parse_partition(value: str) -> str:
    """Checks `k/n` with 1 <= k <= n."""
    part, _, parts = value.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise ValueError(f"partition is {value!r}; give k/n, such as 1/4 for the first of four.")
    return value


def check_device(device: str) -> None:
    """Raises BadInput if this machine has no such device."""
    from models.device import has_device

    if not has_device(device):
        raise BadInput(f"--device {device}: torch finds no such device here; leave the option out.")


def at_day(path: str, day: date) -> str:
    """The path with its `{date}` filled in."""
    return path.replace("{date}", f"{day:%Y-%m-%d}")


class RunOptions(ServiceOptions):
    """How the work is carried out. None of these changes the results, so all may differ when a run is resumed."""

    device: str = "cpu"
    """Where the models run: cpu, cuda, cuda:1, mps."""
    lanes: Annotated[int | None, Field(ge=1, le=64)] = None
    """Processes that generate side by side; by default one for each GPU if the device is cuda, else one. On Ray, at
    most this many; by default one for each GPU, or machine, of the cluster."""
    window: Annotated[int, Field(ge=1, le=64)] = 4
    """Shards in flight in each lane: more of them overlap more and take more memory."""
    runner: Literal["threads", "ray"] = "threads"
    """Where lanes run: one in this process, or many on a Ray cluster (a local one if RAY_ADDRESS is not set)."""
    partition: Annotated[str, AfterValidator(parse_partition)] = "1/1"
    """Which part of the shards to do, as k/n: lets many machines share one run folder, each with its fixed share."""
    join: bool = False
    """Share the run folder with any number of others started with the same command: each takes shards as it goes, and
    what a dead or slow one leaves the others do."""
    wait: bool = False
    """Wait for another run that works in the run folder, instead of refusing to start."""
    resume: bool = True
    """Resume where an earlier run of the same job stopped; otherwise refuse a folder that has a run in it."""
    retry_quarantined: bool = False
    """Retry the quarantined rows of complete shards."""
    max_failures: Annotated[str | None, AfterValidator(parse_max_failures)] = None
    """Stop when more rows than this have failed: a count (20) or a share of the input (5%)."""
    quarantine_alarm: Annotated[str | None, AfterValidator(parse_max_failures)] = None
    """Have those who are told of failed runs told of more quarantined rows than this, too: a count or a share (1%)."""
    report: bool = True
    """Write report/index.html at the end."""

    @property
    def role(self) -> Role:
        """Which other runs may work in the folder meanwhile."""
        if self.join:
            return JOINED
        k, n = self.part
        return WHOLE if n == 1 else part(k + 1, n)

    @property
    def addition(self) -> str:
        """What a title says of a run that is not the only one in its folder."""
        return ", joined" if self.join else f", part {self.partition}" if self.part[1] > 1 else ""

    @property
    def part(self) -> tuple[int, int]:
        """(k, n): this run does the shards whose index is k modulo n."""
        part, parts = self.partition.split("/")
        return int(part) - 1, int(parts)

    @property
    def devices(self) -> list[str]:
        """The device of each lane on this machine: all GPUs for `cuda`, else the one named; lanes may share one."""
        found = [self.device]
        if self.device == "cuda":
            import torch

            found = [f"cuda:{gpu}" for gpu in range(max(1, torch.cuda.device_count()))]
        return [found[lane % len(found)] for lane in range(self.lanes or len(found))]

    def checked(self) -> Self:
        """The job, if its options fit together.

        Raises:
            BadInput: they don't.
        """
        if self.join:
            self._check_join()
        if self.retry_quarantined and not self.resume:
            raise BadInput("--retry-quarantined works on an existing run, --no-resume refuses one; drop either.")
        if self.device != "cpu" and self.runner == "threads":  # otherwise the models run on other machines
            check_device(self.device)
        return self

    def _check_join(self) -> None:
        """Raises BadInput for options that make no sense for one of several workers."""
        if self.part[1] > 1:
            raise BadInput("--partition is a fixed share of the shards, --join takes them as they come; drop either.")
        if self.retry_quarantined:
            raise BadInput("--retry-quarantined changes complete shards, which --join cannot share; drop --join.")
        if not self.resume:
            raise BadInput("--join works on a run that others may have begun, --no-resume refuses one; drop either.")
        if len(self.devices) > 1:
            raise BadInput(
                f"--join claims shards for one lane, and this would be {len(self.devices)}; start as many with "
                "--lanes 1, each with a --device of its own."
            )
        if self.runner != "threads":
            raise BadInput(f"--runner {self.runner} gives out the shards itself; drop it or --join.")


class RenderRunOptions(RunOptions):
    """How `render` runs its models; none of these changes the results either."""

    batch_size: Annotated[int | None, Field(ge=1, le=4096)] = None
    """Pictures per batch; by default 32, or for a diffusers checkpoint what `imagemill tune` found (else by size).
    Halved automatically when memory runs out."""
    batch_timeout: Annotated[float | None, Field(gt=0)] = None
    """Seconds after which a batch is taken to hang, as GPUs do now and then: its process ends, and another lane or the
    same command does its shards again."""
    phase: Literal["auto", "together", "split"] = "auto"
    """For a diffusers checkpoint: keep encoder and denoiser loaded together, or split: encode a window of shards,
    unload the encoder, generate. By default whichever fits the free memory."""
    keep_features: Place | None = None
    """Folder (local or s3://) to cache a diffusers checkpoint's text features in, for later runs."""


class RenderOptions(
    ReadOptions,
    PreprocessOptions,
    GenerateOptions,
    ExplainOptions,
    EnhanceOptions,
    RankOptions,
    WriteOptions,
    RenderRunOptions,
):
    """All options of `render` except its input and output."""

    text_column: str | None = None
    """Column with the text; by default the first of text, prompt, caption."""
    only: Place | None = None
    """A text file (local or s3://) of ids, one a line: only the rows that have them; into a run folder of its own."""
    encoder: Place | None = None
    """Text encoder: gemma, minilm, a folder (local or s3://) or a hub id; by default the one the generator needs."""
    shard_size: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Rows per shard, the unit of work and retry; by default chosen for parallel work and little memory."""


class RenderJob(StrictJob, RenderOptions):
    """Prompts in, pictures and metadata out."""

    prompts: Place
    """Parquet, CSV, TSV, JSON or a text a line; a file, a folder or a glob, local, s3:// or https://; `-` for standard
    input; or a text itself. {date} is the day in the schedule's time zone, else in UTC."""
    out: Place
    """The run folder, local or s3://; {date} is the day in the schedule's time zone, else in UTC."""

    def dated(self, day: date) -> "RenderJob":
        """The job with `{date}` in its paths filled in, so that a schedule can give each day its own folder."""
        return self.model_copy(update={"prompts": at_day(self.prompts, day), "out": at_day(self.out, day)})

    def checked(self) -> Self:
        """The job, if its options fit together and its run folder may be written to.

        Raises:
            BadInput: they don't, or it may not.
        """
        super().checked()
        check_out(self.out)
        return self

    @property
    def title(self) -> str:
        """Input and output in a few words."""
        return f"{PurePath(self.prompts).name} to {self.out}{self.addition}"

    def shaping(self) -> dict[str, Any]:
        """The options that determine the results; a run can only be resumed with the same ones."""
        outside = {"prompts", "out", "only", *RenderRunOptions.model_fields}
        outside.add("lora")  # adapters are in the generator's digest
        shaping = self.model_dump(mode="json", exclude=outside)
        shaping["enhance"] = self.enhance_named
        # options that are off are not worth recording
        unset = Acceleration().model_dump(mode="json") | RankOptions().model_dump()
        unset |= {"panorama": False, "min_match": 0.0}
        return {name: value for name, value in shaping.items() if name not in unset or value != unset[name]}
