"""The preprocess stage: segments and tags the texts of a shard."""

from tasks.asked.read_asked import read_asked
from tasks.render.shard_state import RenderShard
from tasks.text.preprocess import PreprocessOptions, Rejected, preprocess


def preprocess_work(work: RenderShard, options: PreprocessOptions, reads_words: bool = False) -> None:
    """Sets `prepared` of every prompt; moves prompts with unusable texts to the shard's failures.

    Args:
        reads_words: whether the generator is to know what a text asks for in so many words; sets `asked`.
    """
    texts = preprocess([prompt.text for prompt in work.prompts], options)
    rejected = {}
    for prompt, prepared in zip(work.prompts, texts, strict=True):
        if isinstance(prepared, Rejected):
            rejected[prompt] = prepared.reason
        else:
            prompt.prepared = prepared
            prompt.asked = read_asked(prepared) if reads_words else None
    work.fail("preprocess", rejected)
