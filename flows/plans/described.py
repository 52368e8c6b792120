"""A plan of `render` as `--dry-run` prints it."""

from typing import TYPE_CHECKING, Any

from tasks.prompts.prompt_files import told_left_out
from tasks.render.survey import pictures_in_all
from tasks.runfolder.storage import Storage

if TYPE_CHECKING:
    from flows.plans.render import Plan


def describe(plan: "Plan") -> dict[str, Any]:
    """What a run with this plan would do, by name."""
    width, height = plan.size
    return {
        "rows": plan.input.rows,
        "pictures": pictures_in_all(plan.input, plan.job.count),
        "shards": f"{plan.shards} of at most {plan.shard_size} rows",
        "input": f"{len(plan.input.sources)} files, {plan.input.bytes:,} bytes",
        **({"left out": told_left_out(plan.input.left_out)} if plan.input.left_out else {}),
        "text column": plan.input.text_column,
        "encoder": named_encoder(plan) or "none",
        "generator": f"{plan.generator.name} sha256:{plan.generator.digest[:16]}",
        "size": f"{width} x {height} pixels, {plan.job.count} a prompt" + (", panoramas" if plan.job.panorama else ""),
        "enhance": plan.job.enhance_named or "nothing",
        "output": f"{Storage(plan.job.out).url()} ({plan.job.layout}, {plan.job.format})",
    }


def named_encoder(plan: "Plan") -> str | None:
    """The text encoder as the user would name it: the generator, if it has its own."""
    if plan.generator.own_encoder is not None:
        return plan.job.generator
    return plan.job.encoder or plan.generator.encoder
