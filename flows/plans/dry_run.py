"""What a render would come to, as data: `--dry-run --json`."""

from collections.abc import Sequence
from typing import Any

from flows.plans.described import named_encoder
from flows.plans.render import Plan
from tasks.render.survey import pictures_in_all
from tasks.runfolder.commit import Outcome
from tasks.runfolder.completed import complete_shards, read_outcomes
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import check_same, read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table


def as_data(plan: Plan) -> dict[str, Any]:
    """Rows, pictures, state of the folder, and where work done before tells them bytes and seconds in all (else None).

    `state`: new, resumes, done or refused; `refused`: the sentence that a run would end with.
    """
    out, job = Storage(plan.job.out), plan.job
    known, refused = read_record(out), None
    complete, done = set[str](), list[Outcome]()
    if known is not None:
        try:
            check_same(out, known, plan.record(), job.resume)
            plan.carry_on(known)
            complete = complete_shards(out)
            done = list(read_outcomes(out, complete))
        except BadInput as error:
            refused = str(error)
    pictures, made = pictures_in_all(plan.input, job.count), sum(outcome.pictures for outcome in done)
    state = "refused" if refused else "new" if known is None else "resumes" if len(complete) < plan.shards else "done"
    return {
        "state": state,
        "refused": refused,
        "rows": plan.input.rows,
        "pictures": pictures,
        "pictures_done": made,
        "shards": plan.shards,
        "shards_done": len(complete),
        "bytes": round(_bytes_of(out) / made * pictures) if made else None,
        "seconds": _seconds_for(done, pictures) if made else None,
        "width": plan.size[0],
        "height": plan.size[1],
        "input": plan.input.fingerprint(),
        "left_out": plan.input.left_out,
        "text_column": plan.input.text_column,
        "encoder": named_encoder(plan),
        "generator": {"name": plan.generator.name, "digest": plan.generator.digest},
        "enhance": job.enhance_named,
        "output": out.url(),
        "layout": job.layout,
        "format": job.format,
    }


def _bytes_of(out: Storage) -> int:
    """Bytes of the pictures that are there."""
    names = [path for path in out.list("metadata") if path.endswith(".parquet")]
    return sum(value or 0 for path in names for value in read_table(out, path)["bytes"].to_pylist())


def _seconds_for(done: Sequence[Outcome], pictures: int) -> float:
    """Seconds of all stages, one after the other, for so many pictures, by what they took before."""
    made, taken = sum(outcome.pictures for outcome in done), sum(sum(o.seconds.values()) for o in done)
    return round(taken / made * pictures, 1)
