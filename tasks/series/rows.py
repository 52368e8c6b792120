"""A series as rows of prompts: each subject in the same words of style, light and camera."""

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from tasks.prompts.parquet_reader import shard_rows
from tasks.prompts.shards import Shard
from tasks.prompts.whole_input import Input
from tasks.runfolder.errors import BadInput

MOST_SUBJECTS = 100_000


def subjects_of(found: Input) -> list[str]:
    """The texts of a file of subjects. Raises BadInput if there are too many."""
    if found.rows > MOST_SUBJECTS:
        raise BadInput(f"subjects: {found.rows:,} are more than {MOST_SUBJECTS:,}; cut the file.")
    texts = shard_rows(found, Shard(0, 0, found.rows)).table[found.text_column].to_pylist()
    return [str(text) for text in texts if text is not None]


def series_rows(subjects: Sequence[str], words: Sequence[str], reference: str | None, anchored: bool) -> pa.Table:
    """One row a subject.

    Args:
        words: what every prompt ends with; empty ones are left out.
        reference: a picture that all follow.
        anchored: all follow the first one's picture.
    """
    chinese = sum("\u3400" <= character <= "\u9fff" for character in "".join(subjects)) > len(subjects)
    end = [word.strip() for word in words if word.strip()]
    texts = [("，" if chinese else ", ").join([subject.strip(" .,，。"), *end]) for subject in subjects]
    ids = _ids(subjects)
    columns: dict[str, list[object]] = {"id": [*ids], "text": [*texts], "subject": [*subjects]}
    if reference is not None:
        columns["reference"] = [reference] * len(ids)
    if anchored:
        columns["reference_row"] = [None, *[ids[0]] * (len(ids) - 1)]
    kinds = {name: pa.string() for name in columns}
    return pa.table(columns, schema=pa.schema(kinds))


def _ids(subjects: Sequence[str]) -> list[str]:
    """An id from each subject's words, numbered where they are the same."""
    made, seen = [], Counter[str]()
    for subject in subjects:
        id = re.sub(r"\W+", "-", subject.lower()).strip("-")[:60] or "subject"
        seen[id] += 1
        made.append(id if seen[id] == 1 else f"{id}-{seen[id]}")
    if len(set(made)) < len(made):
        made = [f"{number:05d}-{id}" for number, id in enumerate(made)]
    return made
