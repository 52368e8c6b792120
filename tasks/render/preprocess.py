"""The preprocess stage: segments and tags the texts of a shard."""

from tasks.render.shard_state import RenderShard
from tasks.text.preprocess import PreprocessOptions, Rejected, preprocess


def preprocess_work(work: RenderShard, options: PreprocessOptions) -> None:
    """Sets `prepared` of every prompt; moves prompts with unusable texts to the shard's failures."""
    texts = preprocess([prompt.text for prompt in work.prompts], options)
    rejected = {}
    for prompt, prepared in zip(work.prompts, texts, strict=True):
        if isinstance(prepared, Rejected):
            rejected[prompt] = prepared.reason
        else:
            prompt.prepared = prepared
    work.fail("preprocess", rejected)
