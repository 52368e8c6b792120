"""Which options a generator supports."""

from flows.jobs.render import RenderJob
from models.protocols import Generator
from tasks.runfolder.errors import BadInput


def check_options(job: RenderJob, generator: Generator, reads_text: bool) -> None:
    """Raises BadInput for an option that the generator does not support."""
    if job.min_match and not generator.reads_words:
        raise BadInput(f"--min-match: {job.generator} cannot tell how well it matches a text; leave it out.")
    for name in ("negative_text", "guidance", "steps"):
        if getattr(job, name) is not None and name not in generator.defaults:
            option = name.replace("_", "-")
            raise BadInput(f"--{option}: the generator {generator.name} does not support it; leave it out.")
    own = generator.own_encoder
    if job.encoder is not None and own is not None:
        raise BadInput(f"--encoder: {generator.name} reads texts with its own text encoders; leave it out.")
    if not reads_text and (job.encoder is not None or job.explain):
        option = "encoder" if job.encoder is not None else "explain"
        raise BadInput(f"--{option}: the generator {generator.name} reads no text; leave it out.")
    if job.phase != "auto" and own is None:
        raise BadInput(f"--phase: {generator.name} has no text encoder of its own to take turns with; leave it out.")
    if job.keep_features is not None and (own is None or own.cache_key is None):
        raise BadInput(f"--keep-features: {generator.name} has no text encoder of its own; leave it out.")
