"""The stages of `adjust`: plain functions of the run's setting, the pending shard and the shard's state."""

from typing import cast

from flows.jobs.adjust import AdjustJob
from flows.lanes.named_threads import in_device_thread, in_filter_thread
from flows.lanes.pending import PendingShard
from flows.plans.adjust import AdjustingPlan
from models.diffusers.editor import Editor
from models.generators.sprite_vae.sampler import VaeGenerator
from tasks.adjust.encode import encode_scenes
from tasks.adjust.make import Studio, make_pictures
from tasks.adjust.read import read_pictures
from tasks.adjust.shard_state import AdjustShard
from tasks.adjust.sources import PictureFiles
from tasks.adjust.write import write_pictures
from tasks.loading.models import load_editor, load_encoder, load_generator
from tasks.prompts.shards import Shard
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


class Setting:
    """What every shard of a run has in common. A plain class: Prefect would walk through the fields of a model."""

    def __init__(self, job: AdjustJob, plan: AdjustingPlan) -> None:
        self.job = job
        self.parents = plan.parents
        self.scenes = plan.needs_scenes
        self.mask = plan.mask
        self.files = PictureFiles(plan.parents.folder)

    def load_generator(self) -> VaeGenerator:
        return cast(VaeGenerator, load_generator("default", self.job.device))  # the embedded default is one

    def load_editor(self) -> Editor:
        assert self.job.editor is not None
        return load_editor(self.job.editor, self.job.device)

    def studio(self) -> Studio:
        device, job = self.job.device, self.job
        return Studio(
            self.files,
            self.load_generator,
            lambda run: in_device_thread(device, run),
            lambda run: in_filter_thread("cpu", run),
            job.format,
            job.quality,
            self.mask,
            None if job.editor is None else self.load_editor,
            job.editor_steps,
        )


def read_shard(setting: Setting, pending: PendingShard[Shard], nothing: None) -> AdjustShard:
    """Reads a shard's pictures with their instructions."""
    work = read_pictures(setting.parents, pending.shard, setting.job.instruction, setting.job.editor is not None)
    if pending.only is not None:
        work.keep(pending.only)
    return work


def encode_shard(setting: Setting, pending: PendingShard[Shard], work: AdjustShard) -> AdjustShard:
    """Maps the texts that scenes were made from to features."""

    def run() -> None:
        encoder = load_encoder(setting.load_generator(), setting.job.device)
        assert encoder is not None
        encode_scenes(work, encoder)

    if any(item.of_scene for item in work.items):
        in_device_thread(setting.job.device, run)
    return work


def adjust_shard(setting: Setting, pending: PendingShard[Shard], work: AdjustShard) -> AdjustShard:
    """Renders scenes again and applies filters, picture by picture."""
    make_pictures(work, setting.studio())
    return work


def write_shard(setting: Setting, pending: PendingShard[Shard], work: AdjustShard) -> Outcome:
    """Writes the pictures, then metadata, whose existence marks the shard as complete."""
    outcome = write_pictures(work, Storage(setting.job.out), pending.attempt)
    work.release()
    return outcome
