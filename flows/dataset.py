"""`imagemill dataset`: captioned data sets to train on.

imagemill dataset emoji --out data/emoji                                     # what the default model is trained on
imagemill dataset folder photos --out data/photos --licence CC-BY-4.0        # your own pictures and captions
imagemill dataset parquet photos.parquet --out data/photos --licence CC0-1.0
"""

import tempfile
from pathlib import Path
from typing import Literal

from prefect import flow
from pydantic import BaseModel, Field
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.jobs.local import Local
from tasks.datasets.emoji.concepts import element_concepts, emoji_concepts, fetch_archives
from tasks.datasets.emoji.dataset import write_concepts, write_pictures
from tasks.datasets.emoji.rows import colour_rows, phrase_rows, place_rows, scene_rows, single_rows, wording_rows
from tasks.datasets.emoji.scenes import PROPS, Painter
from tasks.datasets.find_captioned import find_in_folder, find_in_parquet
from tasks.datasets.write_captioned import CollectOptions, collect
from tasks.prompts.prompt_files import find_input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError


class EmojiDatasetJob(BaseModel):
    """What `imagemill dataset emoji` makes."""

    out: Local = Field(description="Folder for the Parquet files; must be new or empty.")
    scenes: int = Field(12_000, ge=0, description="How many composed scenes beside the single concepts.")
    phrases: int = Field(
        1_600, ge=0, description="How many of places, skies, two people; as many of things above or beside a place."
    )
    colours: int = Field(6_000, ge=0, description="How many pictures of things in colours that the caption says.")
    concepts: int | None = Field(  # the first 150 are faces alone, which have no colours to paint them in
        None, ge=200, description="Only the first so many concepts (for a quick trial)."
    )
    seed: int = Field(0, ge=0, description="Decides every scene, caption and backdrop.")
    archives: Local = Field(Path("data/archives"), description="Where the packages' archives are kept or fetched to.")


class DatasetSummary(BaseModel):
    """What was written."""

    out: Path
    concepts: int
    single_captions: int
    scenes: int


@flow(name="dataset-emoji")
def build_emoji_dataset(job: EmojiDatasetJob) -> DatasetSummary:
    """Fetches pictures and names, composes captioned scenes, writes `concepts.parquet` and `pictures-*.parquet`.

    Raises BadInput when the folder is not empty or the packages cannot be had.
    """
    if job.out.exists() and any(job.out.iterdir()):
        raise BadInput(f"{job.out} is not empty: choose a new folder for the data set.")
    emoji = emoji_concepts(*fetch_archives(job.archives))
    named = emoji[: job.concepts]
    everything = [*named, *(c for c in emoji[len(named) :] if c.id in PROPS), *element_concepts()]
    job.out.mkdir(parents=True, exist_ok=True)
    singles = list(single_rows(named, job.seed))
    scenes = [*scene_rows(named, job.scenes, job.seed), *phrase_rows(named, job.phrases, job.seed)]
    scenes += [*wording_rows(named, job.seed), *colour_rows(named, job.colours, job.seed)]
    scenes += place_rows(named, job.phrases, job.seed)
    painter = Painter(everything)
    columns = (TextColumn("painting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("", total=len(singles) + len(scenes))
        write_pictures(job.out, singles + scenes, painter, job.seed, lambda n: progress.update(bar, completed=n))
    write_concepts(job.out, everything)  # last, so that its existence means the data set is complete
    return DatasetSummary(out=job.out, concepts=len(named), single_captions=len(singles), scenes=len(scenes))


class CollectJob(CollectOptions):
    """What `imagemill dataset folder` and `imagemill dataset parquet` make."""

    path: str
    """Your pictures and captions, local or s3://: a folder, or Parquet files (one, a folder of them, a glob)."""
    out: str
    """Folder for the data set, local or s3://; must be new or empty."""


class CollectSummary(BaseModel):
    """What was written; `left_out` pictures are listed in left-out.parquet."""

    out: str
    pictures: int
    left_out: int
    first_reason: str


@flow(name="dataset-collect", flow_run_name="{kind} {job.path}")
def collect_dataset(job: CollectJob, kind: Literal["folder", "parquet"]) -> CollectSummary:
    """Makes a data set of the user's own captioned pictures.

    Raises BadInput when the input cannot be used, not one picture is whole and captioned, or the folder is not empty.
    """
    columns = (TextColumn("collecting"), BarColumn(), TextColumn("{task.completed} pictures"))
    with Progress(*columns, transient=True) as progress, tempfile.TemporaryDirectory() as spool:
        bar = progress.add_task("", total=None)
        found = find_in_folder(job.path) if kind == "folder" else find_in_parquet(find_input(job.path, Storage(spool)))
        try:
            made = collect(found, Storage(job.out), job, lambda n: progress.update(bar, completed=n))
        except StorageError as error:
            raise BadInput(str(error)) if error.mendable else error from error
    return CollectSummary(
        out=Storage(job.out).url(), pictures=made.pictures, left_out=made.left_out, first_reason=made.first_reason
    )
