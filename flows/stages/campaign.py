"""The stages of `campaign`: plain functions of the run's setting, the pending shard and the shard's state."""

from flows.jobs.campaign import CampaignJob
from flows.lanes.pending import PendingShard
from flows.plans.campaign import CampaignPlan
from tasks.campaign.make import make_ads
from tasks.campaign.pictures import Pictures
from tasks.campaign.read import read_ads
from tasks.campaign.shard_state import AdShard
from tasks.campaign.write import write_ads
from tasks.prompts.shards import Shard
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


class Setting:
    """What every shard of a run has in common. A plain class: Prefect would walk through the fields of a model."""

    def __init__(self, job: CampaignJob, plan: CampaignPlan) -> None:
        self.job = job
        self.products = plan.products
        self.recipe = plan.recipe
        self.signer = plan.signer
        brand = plan.recipe.brand
        self.pictures = Pictures(job.out, plan.recipe.folder, brand.look.colours["primary"], brand.file.tint)


def read_shard(setting: Setting, pending: PendingShard[Shard], nothing: None) -> AdShard:
    """Reads a shard's ads from the product table."""
    work = read_ads(setting.products, pending.shard, setting.recipe, setting.pictures.generated())
    if pending.only is not None:
        work.keep(pending.only)
    return work


def make_shard(setting: Setting, pending: PendingShard[Shard], work: AdShard) -> AdShard:
    """Composes, encodes and checks the ads one by one."""
    make_ads(work, setting.recipe, setting.pictures, setting.signer)
    return work


def write_shard(setting: Setting, pending: PendingShard[Shard], work: AdShard) -> Outcome:
    """Writes the ads, then metadata, whose existence marks the shard as complete."""
    outcome = write_ads(work, Storage(setting.job.out), pending.attempt)
    work.release()
    return outcome
