"""The stages that build data sets, as Prefect tasks."""

from pathlib import Path

from prefect import task

from flows.engine.counted import count
from flows.engine.task_options import IN_MEMORY, RETRIED
from flows.jobs.dataset import CollectJob, CollectSummary, DatasetSummary, EmojiDatasetJob
from tasks.datasets.emoji.concepts import Concept, element_concepts, emoji_concepts, fetch_archives
from tasks.datasets.emoji.dataset import write_concepts, write_pictures
from tasks.datasets.emoji.rows import Row, colour_rows, phrase_rows, place_rows, scene_rows, single_rows, wording_rows
from tasks.datasets.emoji.scenes import PROPS, Painter
from tasks.datasets.find_captioned import CaptionedFolder, CaptionedParquet
from tasks.datasets.write_captioned import Collected, check_new, collect
from tasks.prompts.prompt_files import find_input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage


class Emoji:
    """The emoji data set under construction. A plain class: Prefect would walk through the fields of a model."""

    named: list[Concept]
    """Concepts that captions name."""
    everything: list[Concept]
    """These, and the props and elements of backgrounds."""
    singles: list[Row]
    scenes: list[Row]

    def __init__(self, job: EmojiDatasetJob) -> None:
        self.job = job

    def summary(self) -> DatasetSummary:
        counts = {"concepts": len(self.named), "single_captions": len(self.singles), "scenes": len(self.scenes)}
        return DatasetSummary(out=self.job.out, **counts)


@task(name="fetch", **IN_MEMORY)
def fetch(emoji: Emoji) -> None:
    """Fetches the archives of pictures and names unless they are there already, and reads their concepts."""
    job = emoji.job
    if job.out.exists() and any(job.out.iterdir()):
        raise BadInput(f"{job.out} is not empty: choose a new folder for the data set.")
    concepts = emoji_concepts(*fetch_archives(job.archives))
    emoji.named = concepts[: job.concepts]
    props = [concept for concept in concepts[len(emoji.named) :] if concept.id in PROPS]
    emoji.everything = [*emoji.named, *props, *element_concepts()]


@task(name="compose", **IN_MEMORY)
def compose(emoji: Emoji) -> None:
    """Composes every caption and the layout of its picture."""
    job, named = emoji.job, emoji.named
    emoji.singles = list(single_rows(named, job.seed))
    emoji.scenes = [*scene_rows(named, job.scenes, job.seed), *phrase_rows(named, job.phrases, job.seed)]
    emoji.scenes += [*wording_rows(named, job.seed), *colour_rows(named, job.colours, job.seed)]
    emoji.scenes += place_rows(named, job.phrases, job.seed)


@task(name="paint", **IN_MEMORY)
def paint(emoji: Emoji) -> None:
    """Paints the pictures into `pictures-*.parquet`."""
    job, rows = emoji.job, emoji.singles + emoji.scenes
    job.out.mkdir(parents=True, exist_ok=True)
    with count("painting", "pictures", len(rows)) as done:
        write_pictures(job.out, rows, Painter(emoji.everything), job.seed, done)


@task(name="write", **IN_MEMORY)
def write(emoji: Emoji) -> None:
    """Writes `concepts.parquet`."""
    write_concepts(emoji.job.out, emoji.everything)


class Collection:
    """A data set of the user's own pictures under construction.

    Args:
        spool: a folder for temporary files while the input is read.
    """

    source: CaptionedFolder | CaptionedParquet
    collected: Collected

    def __init__(self, job: CollectJob, kind: str, spool: Path) -> None:
        self.job = job
        self.kind = kind
        self.spool = spool

    @property
    def out(self) -> Storage:
        return Storage(self.job.out)

    def summary(self) -> CollectSummary:
        collected = self.collected
        return CollectSummary(
            out=self.out.url(),
            pictures=collected.pictures,
            left_out=collected.left_out,
            first_reason=collected.first_reason,
        )


@task(name="find", **IN_MEMORY, **RETRIED)
def find(collection: Collection) -> None:
    """Lists the pictures and captions, and checks that the output folder is new or empty."""
    check_new(collection.out)
    if collection.kind == "folder":
        collection.source = CaptionedFolder(collection.job.path)
    else:
        collection.source = CaptionedParquet(find_input(collection.job.path, Storage(str(collection.spool))))


@task(name="write", **IN_MEMORY, **RETRIED)
def write_collection(collection: Collection) -> None:
    """Reads the pictures and writes the data set. Idempotent: a retry overwrites the same files."""
    with count("collecting", "pictures", len(collection.source)) as done:
        collection.collected = collect(collection.source, collection.out, collection.job, done)
