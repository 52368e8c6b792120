"""The lock object in S3 and its conditional writes."""

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from fsspec.asyn import sync

from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem
from tasks.runfolder.storage_errors import error_code


@dataclass(frozen=True)
class Held:
    """A lock object: who holds it, its ETag, and its age in seconds by the store's clock."""

    owner: dict[str, Any]
    etag: str
    age: float

    @property
    def name(self) -> str:
        return f"process {self.owner.get('pid', '?')} on {self.owner.get('host', '?')}"


class LockObject:
    """One object in S3 with conditional writes, for which fsspec has no call of its own."""

    def __init__(self, url: str) -> None:
        self._fs, path = filesystem(url)
        if "s3" not in self._fs.protocol:
            raise BadInput(f"{url}: a run folder is local or on s3://; choose another --out.")
        self._bucket, self._key, _ = self._fs.split_path(path)

    def read(self) -> Held | None:
        """The object, or None if there is none."""
        answer = self._call("get_object")
        if answer is None:
            return None
        content = sync(self._fs.loop, answer["Body"].read)
        now = parsedate_to_datetime(
            answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        )  # by the store's clock, as the other
        return Held(parsed(content), answer["ETag"], (now - answer["LastModified"]).total_seconds())

    def write(self, content: bytes, **condition: str) -> str | None:
        """The new ETag, or None if the condition (`IfNoneMatch`, `IfMatch`) does not hold."""
        answer = self._call("put_object", Body=content, **condition)
        return None if answer is None else str(answer["ETag"])

    def delete(self, etag: str) -> None:
        """Deletes the object if it still has this ETag."""
        self._call("delete_object", IfMatch=etag)

    def _call(self, method: str, **arguments: Any) -> Any:
        """S3's answer; None if a condition does not hold or there is no such object."""
        try:
            return self._fs.call_s3(method, Bucket=self._bucket, Key=self._key, **arguments)
        except OSError as error:
            if error_code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
                return None
            raise


def parsed(content: bytes) -> dict[str, Any]:
    """What the owner wrote; empty if it is not a mark of ours."""
    try:
        owner = json.loads(content)
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}
