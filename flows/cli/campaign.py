"""The command `imagemill campaign`.

imagemill campaign campaign.yaml --out run
imagemill campaign --list-placements
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from flows.cli.carry_out import full_job, plan_or_run
from flows.jobs.campaign import CampaignJob, CampaignOptions
from tasks.campaign.placements import load_placements

_PATHS = ("products", "brand", "placement_file", "templates", "certificate", "key")


def campaign(
    job: Path | None = None,
    *,
    out: str | None = None,
    products: str | None = None,
    brand: str | None = None,
    list_placements: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[CampaignOptions | None, Parameter(name="*")] = None,
) -> int:
    """Make finished ads of products and copy, to each platform's rules. Running the command again resumes.

    Parameters
    ----------
    job
        A YAML file with the campaign; its paths are relative to it. The command line takes precedence.
    out
        The run folder, local or s3://.
    products
        The table of products and copy.
    brand
        The brand kit.
    list_placements
        Print the placements and their rules, also those of --placement-file, and make nothing.
    dry_run
        Print the plan and write nothing.
    as_json
        Print the summary, or the placements, as JSON.
    """
    given = (options or CampaignOptions()).model_dump(exclude_unset=True)
    if list_placements:
        own = given.get("placement_file")
        return _print_placements(Path(own) if own else None, as_json)
    values = {"out": out, "products": products, "brand": brand, **given}
    full = full_job(CampaignJob, job, values, _beside(job))
    return plan_or_run(
        full.dated(datetime.now(UTC)), "flows.plans.campaign:CampaignPlan", "flows.campaign:campaign", dry_run, as_json
    )


def _beside(job: Path | None) -> Any:
    """What makes the paths of a YAML file relative to it."""

    def resolved(values: dict[str, Any]) -> dict[str, Any]:
        if job is None:
            return values
        moved = {
            name: str(job.parent / values[name])
            for name in _PATHS
            if isinstance(values.get(name), str) and "://" not in values[name]
        }
        return values | moved

    return resolved


def _print_placements(own: Path | None, as_json: bool) -> int:
    placements = load_placements(own)
    if as_json:
        print(json.dumps({name: placement.model_dump(mode="json") for name, placement in placements.items()}))
        return 0
    width = max(map(len, placements))
    for name, placement in placements.items():
        rules = [f"{placement.size[0]}x{placement.size[1]}", "/".join(placement.formats)]
        rules += [f"<= {placement.bytes / 1e6:g} MB"] if placement.bytes else []
        sides = {side: share for side, share in placement.safe.model_dump().items() if share}
        rules += ["unsafe " + ", ".join(f"{side} {share:.0%}" for side, share in sides.items())] if sides else []
        rules += [f"{column} {most} characters" for column, most in placement.characters.items()]
        rules += [f"text <= {placement.text_share:.0%}"] if placement.text_share < 1 else []
        rules += [f"{placement.confidence}, read {placement.read}"]
        print(f"{name:<{width}}  {'; '.join(rules)}")
    return 0


def export(run: str, *, to: str, approved: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Copy a campaign's ads to a folder for each platform, with a manifest each.

    Parameters
    ----------
    run
        The run folder of the campaign, local or s3://.
    to
        Where the folders go, local or s3://.
    approved
        Only ads that a review has approved: reviews.parquet in the run folder, with columns id and verdict.
    """
    from tasks.campaign.export import export_ads
    from tasks.runfolder.storage import Storage

    counts = export_ads(Storage(run), Storage(to), approved)
    for platform, count in counts.items():
        print(f"{platform}  {count:,} ads")
    print(f"{sum(counts.values()):,} ads in {Storage(to).url()}")
    return 0
