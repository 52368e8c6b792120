"""Votes on the pictures of a run, kept in its `feedback/` as Parquet: ratings, and pairs as pick-a-pic has them.

Every vote is written before it is answered, into a file that is replaced as a whole, so that a kill loses none that was
answered. A vote has an id of its own, given by who votes: sent again, because an answer did not arrive, it is the same
vote. Files have at most `MOST_ROWS` rows and the name of the session that writes them, so that sessions share none.
"""

import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import open_table, to_parquet

FOLDER = "feedback"
MOST_ROWS = 1000  # of a file: each vote writes its file anew
PAIRS = pa.schema(
    {
        "vote": pa.string(),
        "caption": pa.string(),
        "image_0_uid": pa.string(),
        "image_1_uid": pa.string(),
        "image_0": pa.string(),
        "image_1": pa.string(),
        "model_0": pa.string(),
        "model_1": pa.string(),
        "label_0": pa.float32(),
        "label_1": pa.float32(),
        "best_image_uid": pa.string(),
        "has_label": pa.bool_(),
        "both_bad": pa.bool_(),
        "user_id": pa.string(),
        "created_at": pa.timestamp("us", "UTC"),
    }
)
"""As pick-a-pic: label 1 is preferred, 0.5 and 0.5 a tie; `best_image_uid` is empty then."""
RATINGS = pa.schema(
    {
        "vote": pa.string(),
        "caption": pa.string(),
        "image_uid": pa.string(),
        "image": pa.string(),
        "model": pa.string(),
        "stars": pa.int8(),
        "favourite": pa.bool_(),
        "rejected": pa.bool_(),
        "reason": pa.string(),
        "user_id": pa.string(),
        "created_at": pa.timestamp("us", "UTC"),
    }
)
"""One row for each time that a picture was rated; what a vote says nothing of is null, and the last word counts."""
_SCHEMAS = {"pairs": PAIRS, "ratings": RATINGS}
Uid = Annotated[str, Field(min_length=1, max_length=500)]
Choice = Literal["a", "b", "tie", "both bad"]


class _Vote(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    vote: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    """Its own id."""
    user: Annotated[str, Field(max_length=100)] = ""


class Pair(_Vote):
    """Which of two pictures of one text is the better one."""

    a: Uid
    b: Uid
    choice: Choice


class Rating(_Vote):
    """What is thought of a picture."""

    image: Uid
    stars: Annotated[int | None, Field(ge=1, le=5)] = None
    favourite: bool | None = None
    rejected: bool | None = None
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.stars is None and self.favourite is None and self.rejected is None:
            raise ValueError("a rating that says nothing")
        return self


class Picture(BaseModel):
    """A picture that is voted on."""

    uid: str
    caption: str
    image: str
    model: str


class FeedbackLog:
    """Writes votes into a run's `feedback/`; may be used by several threads."""

    def __init__(self, run: Storage) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._session = secrets.token_hex(4)
        self._known = {row["vote"] for kind in _SCHEMAS for row in read_feedback(run, kind).to_pylist()}
        self._rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _SCHEMAS}
        self._files = dict.fromkeys(_SCHEMAS, 0)

    def add(self, vote: Pair | Rating, pictures: Mapping[str, Picture]) -> bool:
        """Writes a vote; False if it has been written before.

        Raises:
            KeyError: there is no such picture.
            StorageError: it could not be written, and does not count.
        """
        kind, row = (
            ("pairs", pair_row(vote, pictures)) if isinstance(vote, Pair) else ("ratings", _rating(vote, pictures))
        )
        with self._lock:
            if vote.vote in self._known:
                return False
            rows = [*self._rows[kind], row]
            name = f"{FOLDER}/{kind}-{self._session}-{self._files[kind]:05d}.parquet"
            self._run.write(name, to_parquet(pa.Table.from_pylist(rows, schema=_SCHEMAS[kind])))
            self._known.add(vote.vote)
            self._rows[kind] = rows
            if len(rows) == MOST_ROWS:
                self._rows[kind] = []
                self._files[kind] += 1
        return True


def pair_row(vote: Pair, pictures: Mapping[str, Picture]) -> dict[str, Any]:
    """A row of pick-a-pic's columns. Raises KeyError if there is no such picture."""
    a, b = pictures[vote.a], pictures[vote.b]
    label = {"a": 1.0, "b": 0.0}.get(vote.choice, 0.5)
    return {
        "vote": vote.vote,
        "caption": a.caption,
        "image_0_uid": a.uid,
        "image_1_uid": b.uid,
        "image_0": a.image,
        "image_1": b.image,
        "model_0": a.model,
        "model_1": b.model,
        "label_0": label,
        "label_1": 1 - label,
        "best_image_uid": {"a": a.uid, "b": b.uid}.get(vote.choice, ""),
        "has_label": True,
        "both_bad": vote.choice == "both bad",
        "user_id": vote.user,
        "created_at": datetime.now(UTC),
    }


def _rating(vote: Rating, pictures: Mapping[str, Picture]) -> dict[str, Any]:
    picture = pictures[vote.image]
    return {
        "vote": vote.vote,
        "caption": picture.caption,
        "image_uid": picture.uid,
        "image": picture.image,
        "model": picture.model,
        "stars": vote.stars,
        "favourite": vote.favourite,
        "rejected": vote.rejected,
        "reason": vote.reason or None,
        "user_id": vote.user,
        "created_at": datetime.now(UTC),
    }


def read_feedback(run: Storage, kind: Literal["pairs", "ratings"] | str) -> pa.Table:
    """All votes of a kind, in the order in which they were given. Raises BadInput for a damaged file."""
    tables = [_SCHEMAS[kind].empty_table()]
    for path in sorted(run.list(FOLDER)):
        if PurePosixPath(path).name.startswith(f"{kind}-") and path.endswith(".parquet"):
            try:
                with open_table(run, path) as file:
                    tables.append(pq.ParquetFile(file).read().select(_SCHEMAS[kind].names).cast(_SCHEMAS[kind]))
            except (pa.ArrowException, KeyError, OSError) as error:
                raise BadInput(
                    f"{run.url(path)}: not feedback of `imagemill review` ({error}); move it away."
                ) from error
    return pa.concat_tables(tables).sort_by("created_at")
