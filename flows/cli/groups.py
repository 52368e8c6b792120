"""The groups in which `imagemill render --help` lists its options."""

from cyclopts import Group, Parameter
from pydantic import BaseModel

from flows.jobs.render import RenderRunOptions, RunOptions
from models.diffusers.options import Acceleration

INPUT, PICTURE, MODEL, CHECKPOINTS, OUTPUT, RUN = (
    Group.create_ordered(name) for name in ("Input", "Picture", "Model", "Diffusers checkpoints", "Output", "Run")
)
_BY_NAME = {
    **dict.fromkeys(("text_column", "only"), INPUT),
    **dict.fromkeys(("generator", "encoder", "device", "batch_size", "lanes", "min_match"), MODEL),
    **dict.fromkeys(Acceleration.model_fields, CHECKPOINTS),
    **dict.fromkeys(("negative_text", "guidance", "steps", "phase", "keep_features", "batch_timeout"), CHECKPOINTS),
    **dict.fromkeys(("format", "quality", "layout", "report", "shard_size"), OUTPUT),
}


def grouped(options: type[BaseModel]) -> None:
    """Puts the options of a command into groups; those that are in none of the tables are about the picture."""
    run = {*RunOptions.model_fields, *RenderRunOptions.model_fields}
    for name, field in options.model_fields.items():
        group = _BY_NAME.get(name) or (RUN if name in run else PICTURE)
        field.metadata = [*field.metadata, Parameter(group=group)]
