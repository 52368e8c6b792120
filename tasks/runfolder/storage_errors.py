"""Failures of storage, local or remote, as one sentence each."""

import errno
import sys
from typing import Any

from models.messages import one_line
from tasks.runfolder.errors import BadInput

AGAIN = "run the same command again to carry on."
_SILENT = {"EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError"}
"""Errors of the S3 client by which nobody answers."""
_REMOTE = {errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EBUSY)}
"""What s3fs makes of S3's own internal errors and of its requests to slow down."""


class NotRegularFile(OSError):
    """A pipe, socket or device: reading it may never end."""


class StorageError(OSError):
    """A storage failure as one sentence.

    `mendable`: the user's input (folder, bucket, keys) is what is wrong. `passing`: it may well work the next time.
    """

    def __init__(self, sentence: str, mendable: bool = False, passing: bool = False) -> None:
        super().__init__(sentence)
        self.mendable = mendable
        self.passing = passing

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.mendable, self.passing)


def error_code(error: BaseException) -> str:
    """The code by which S3 names an error that s3fs has translated; empty if it is none of S3's."""
    return str(getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", ""))


def refused_condition(error: BaseException) -> bool:
    """Whether the condition of a write does not hold (`If-None-Match`, `If-Match`)."""
    return error_code(error) == "PreconditionFailed"


def explain(error: BaseException, where: str) -> StorageError | None:
    """The sentence for a storage failure at `where`, or None if the error is of another kind."""
    causes = [error, error.__cause__, error.__context__]
    s3 = sys.modules.get("botocore.exceptions")  # until the S3 client is imported there are no errors of its classes
    client = next((e for e in causes if s3 and isinstance(e, s3.ClientError)), None)
    code = client.response.get("Error", {}).get("Code", "") if client else ""
    if code in {"NoSuchBucket", "InvalidBucketName"} or "bucket does not exist" in str(error):
        return StorageError(f"{where}: the bucket does not exist; create it or name another.", mendable=True)
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"} or (
        isinstance(error, PermissionError) and where.startswith("s3://")
    ):
        return StorageError(
            f"{where}: access denied; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy.", True
        )
    if any(type(e).__name__ in {"NoCredentialsError", "PartialCredentialsError"} for e in causes):
        return StorageError(
            f"{where}: no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile.", True
        )
    if client or any(s3 and isinstance(e, s3.BotoCoreError) for e in causes):
        silent = any(type(e).__name__ in _SILENT for e in causes)
        what = "does not answer" if silent else "failed"
        mend = "start it or mend AWS_ENDPOINT_URL, and " if silent else ""
        return StorageError(f"{where}: the object store {what} ({one_line(error)}); {mend}{AGAIN}", passing=True)
    if isinstance(error, StorageError):
        return error
    if not isinstance(error, OSError):
        return None
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError(f"{where}: the disk is full; free space and run the same command again to carry on.")
    if isinstance(error, NotRegularFile):
        return StorageError(f"{where}: not a regular file but a pipe, socket or device; name a file.", mendable=True)
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{where}: no such file or folder; check the path.", mendable=True)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StorageError(f"{where}: not permitted; choose a place you may write to or mend its rights.", True)
    if isinstance(error, IsADirectoryError):
        return StorageError(f"{where}: a folder, where a file is wanted; name a file.", True)
    if isinstance(error, NotADirectoryError | FileExistsError):
        return StorageError(f"{where}: a file stands where a folder is wanted; name another.", True)
    passing = error.errno in _REMOTE
    return StorageError(f"{where}: storage failed ({error.strerror or error}); {AGAIN}", passing=passing)


def unusable(error: BaseException, where: str) -> BadInput | StorageError | None:
    """What a failure at a place that the user named is: BadInput, or a StorageError if it may pass by itself.

    None if the error is not of storage.
    """
    explained = explain(error, where)
    return explained if explained is None or explained.passing else BadInput(str(explained))
