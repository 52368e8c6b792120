"""Dataset: builds captioned data sets to train on.

imagemill dataset emoji --out data/emoji                                     # what the default model is trained on
imagemill dataset folder photos --out data/photos --licence CC-BY-4.0        # your own pictures and captions
imagemill dataset parquet photos.parquet --out data/photos --licence CC0-1.0
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from prefect import flow

from flows.engine.stage_call import called
from flows.jobs.dataset import CollectJob, CollectSummary, DatasetSummary, EmojiDatasetJob
from flows.stages.dataset import Collection, Emoji, compose, fetch, find, paint, write, write_collection
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import StorageError

EMOJI = [
    fetch,  # pictures and names
    compose,  # rows: the captions, and the layout of each picture
    paint,  # pictures-*.parquet
    write,  # concepts.parquet, last, so that its existence means the data set is complete
]
"""The stages of `dataset emoji` in order."""

COLLECT = [
    find,  # lists pictures and captions without reading them
    write_collection,  # reads each, crops it to a square and writes it
]
"""The stages of `dataset folder` and `dataset parquet` in order."""


@flow(name="dataset-emoji", persist_result=False)
def build_emoji_dataset(job: EmojiDatasetJob) -> DatasetSummary:
    """Fetches pictures and names, composes captioned scenes, writes `concepts.parquet` and `pictures-*.parquet`.

    Raises BadInput when the folder is not empty or the packages cannot be fetched.
    """
    emoji = Emoji(job)
    for stage in EMOJI:
        called(stage)(emoji)
    return emoji.summary()


@flow(name="dataset-collect", flow_run_name="{kind} {job.path}", persist_result=False)
def collect_dataset(job: CollectJob, kind: Literal["folder", "parquet"]) -> CollectSummary:
    """Builds a data set from the user's own captioned pictures.

    Raises:
        BadInput: the input cannot be used, it has no readable picture with a caption, or the folder is not empty.
        StorageError: storage failed.
    """
    try:
        with TemporaryDirectory(prefix="imagemill-") as spool:
            collection = Collection(job, kind, Path(spool))
            for stage in COLLECT:
                called(stage)(collection)
    except StorageError as error:
        raise BadInput(str(error)) if error.mendable else error from error
    return collection.summary()
