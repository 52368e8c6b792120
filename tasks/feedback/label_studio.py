"""Reads an export of Label Studio (JSON) as votes on the pictures of a run."""

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from tasks.feedback.votes import Choice, Pair, Picture, Rating
from tasks.runfolder.errors import BadInput

_UPLOADED = re.compile(r"[0-9a-f]{8}-")  # before the names of files that were uploaded to Label Studio
_CHOICES: dict[str, Choice] = {"left": "a", "right": "b", "tie": "tie", "both bad": "both bad"}


def read_export(data: bytes, pictures: Mapping[str, Picture], name: str) -> Iterator[Pair | Rating]:
    """The votes of an export: ratings of an `image`, or a pairwise choice between `image_0` and `image_1`.

    A task names pictures by id, or by a path or address that ends in the picture's file name. The same annotation is
    the same vote, so that an export may be read again.

    Raises:
        BadInput: it is no such export, or names a picture that the run has not.
    """
    by_name = {PurePosixPath(picture.image.rpartition("#")[2]).name: uid for uid, picture in pictures.items()}
    try:
        tasks = json.loads(data)
        if not isinstance(tasks, list):
            raise TypeError("not a list of tasks")
        for task in tasks:
            for annotation in task.get("annotations") or ():
                if not annotation.get("was_cancelled"):
                    yield from _votes(task, annotation, by_name, pictures)
    except (ValueError, TypeError, AttributeError, KeyError, ValidationError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{name}: not an export of Label Studio in JSON ({type(error).__name__}); export it so."
        ) from error


def _votes(
    task: Mapping[str, Any], annotation: Mapping[str, Any], by_name: Mapping[str, str], pictures: Mapping[str, Picture]
) -> Iterator[Pair | Rating]:
    for number, result in enumerate(annotation["result"]):
        kind, value = result["type"], result["value"]
        id = sha256(f"{task.get('id')} {annotation.get('id')} {number}".encode()).hexdigest()[:24]
        who: dict[str, Any] = {"vote": id, "user": f"label-studio {annotation.get('completed_by', '')}"[:100]}
        if kind == "pairwise":
            a, b = (_uid(task["data"], key, by_name, pictures) for key in ("image_0", "image_1"))
            yield Pair(**who, a=a, b=b, choice=_CHOICES[str(value.get("selected", "tie"))])
        elif kind == "rating":
            yield Rating(**who, image=_uid(task["data"], "image", by_name, pictures), stars=int(value["rating"]))
        elif kind == "choices" and "reject" in {str(choice).lower() for choice in value["choices"]}:
            yield Rating(**who, image=_uid(task["data"], "image", by_name, pictures), rejected=True)


def _uid(data: Mapping[str, Any], key: str, by_name: Mapping[str, str], pictures: Mapping[str, Picture]) -> str:
    given = str(data[key])
    name = PurePosixPath(given.partition("?")[0]).name
    uid = given if given in pictures else by_name.get(name) or by_name.get(_UPLOADED.sub("", name, count=1))
    if uid is None:
        raise BadInput(
            f"The export names a picture {given[:80]!r} that the run has not; give the run it was made from."
        )
    return uid
