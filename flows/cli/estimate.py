"""The command `estimate`.

imagemill estimate --job nightly.yaml
imagemill estimate s3://bucket/prompts.parquet --out s3://bucket/run --price-per-hour 2.5
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from flows.cli.carry_out import full_job, print_described
from flows.jobs.render import RenderJob, RenderOptions
from flows.lanes.patience import told
from flows.lanes.pending import PendingShard
from tasks.prompts.shards import Shard
from tasks.runfolder.commit import Outcome
from tasks.runfolder.costs import write_estimate
from tasks.runfolder.storage import Storage


def estimate(
    prompts: str | None = None,
    *,
    out: str | None = None,
    job: Path | None = None,
    sample: int = 64,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[RenderOptions | None, Parameter(name="*")] = None,
) -> int:
    """Estimate a render's pictures, time, bytes and money, by rendering a sample of its rows.

    With --out, the estimate is kept there, and the run's summary says how far off it was.

    Parameters
    ----------
    prompts
        As of `imagemill render`.
    out
        The run folder, local or s3://, of the run to come.
    job
        A YAML file with any of these options (and prompts, out); the command line takes precedence.
    sample
        Rows to render, spread over the input; a run that they don't stand for is estimated wrongly.
    as_json
        Print the estimate as JSON.
    """
    given = (options or RenderOptions()).model_dump(exclude_unset=True)
    with tempfile.TemporaryDirectory(prefix="imagemill-") as folder:
        values = {"prompts": prompts, "out": out, **given}
        if out is None and job is None:
            values["out"] = f"{folder}/out"
        full = full_job(RenderJob, job, values).dated(datetime.now(UTC))
        found = _measured(full, Path(folder), sample)
        if not full.out.startswith(folder):
            write_estimate(Storage(full.out), found)
    shown = {
        "rows": f"{found['rows']:,}, estimated from {found['sampled']}",
        "pictures": f"{found['pictures']:,}",
        "time": told(found["seconds"]),
        "bytes": f"{found['bytes']:,}",
        **({"money": f"{found['money']:,.2f}"} if found["money"] is not None else {}),
    }
    print_described(found if as_json else shown, as_json)
    return 0


def _measured(job: RenderJob, folder: Path, sample: int) -> dict[str, Any]:
    """Renders a sample into `folder`, after a few rows that warm up, and scales what that took."""
    from flows.lanes.lane import Lane
    from flows.lanes.pipeline import call
    from flows.plans.render import Plan
    from flows.render import PIPELINE
    from flows.stages.render import Setting

    begun = time.perf_counter()
    plan = Plan(job, folder)
    plan.record()  # loads the encoder, as a run does before its first shard

    def rendered(place: str, chosen: list[PendingShard[Shard]]) -> list[Outcome]:
        here = job.model_copy(update={"out": str(folder / place)})
        return list(Lane(PIPELINE, Setting(here, plan, plan.batch_size, PIPELINE), call, plan.split).run(iter(chosen)))

    chosen = _spread(list(plan.of_this_part()), sample, plan.batch_size)
    rendered("first", chosen[:1])
    start = time.perf_counter() - begun
    pictures = sum(outcome.pictures for outcome in rendered("sample", chosen))
    seconds = time.perf_counter() - begun - start
    sampled = sum(len(shard.only or ()) for shard in chosen)
    scale = plan.input.rows / sampled
    stored = sum(path.stat().st_size for path in (folder / "sample").rglob("*") if path.is_file())
    in_all = start + seconds * scale / len(job.devices)
    return {
        "rows": plan.input.rows,
        "sampled": sampled,
        "pictures": round(pictures * scale),
        "seconds": round(in_all, 3),
        "bytes": round(stored * scale),
        "money": None if job.price_per_hour is None else round(in_all / 3600 * job.price_per_hour, 6),
    }


def _spread(shards: list[Shard], sample: int, batch: int) -> list[PendingShard[Shard]]:
    """Beginnings of shards all over the input, at least a batch of each and about `sample` rows together."""
    each = max(batch, -(-sample // len(shards)))
    count = min(len(shards), max(1, -(-sample // min(each, shards[0].rows))))
    chosen = [shards[index * len(shards) // count] for index in range(count)]
    return [PendingShard(shard, frozenset(range(shard.row, shard.row + min(each, shard.rows)))) for shard in chosen]
