"""What opens files of prompts, and the sentences for those that cannot be opened."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.messages import one_line
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem, without_password
from tasks.runfolder.storage import StorageError, explain

READ_BUFFER = 1 << 20  # bytes a column is read ahead, so that a huge row group is never held whole


def open_filesystem(url: str) -> tuple[Any, str]:
    """The filesystem of a URL and the path within it. Raises BadInput if there is none."""
    try:
        return filesystem(url)
    except BadInput:
        raise
    except Exception as error:
        raise refusal(error, url) from error


def refusal(error: Exception, where: str) -> BadInput | StorageError:
    """The sentence for a place that cannot be read; a StorageError if it may well be read the next time."""
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return BadInput(f"{where}: a link that leads back to itself; name the file.")
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, OSError):  # of HTTP
        return BadInput(f"{where}: the server cannot be reached ({one_line(error.__cause__)}); check the address.")
    explained = explain(error, where)
    if explained is not None and explained.passing:
        return explained
    sentence = (
        str(explained) if explained else f"{where}: cannot be opened ({type(error).__name__}: {one_line(error)})."
    )
    return BadInput(without_password(sentence if where in sentence else f"{where}: {sentence}"))


def open_parquet(url: str) -> tuple[IO[bytes], pq.ParquetFile]:
    """The file, and what reads it a page at a time; both are to be closed."""
    fs, path = open_filesystem(url)
    # A plain buffered file: fsspec's remote default would fetch the whole rest of the file ahead.
    file = fs.open(path, "rb", block_size=READ_BUFFER)
    try:
        return file, pq.ParquetFile(file, buffer_size=READ_BUFFER, pre_buffer=False)
    except BaseException:
        file.close()
        raise


@contextmanager
def parquet_file(fs: Any, path: str, name: str) -> Iterator[pq.ParquetFile]:
    """The file, open to read its footer. Raises BadInput if it is no Parquet; `name` is what the user knows it by."""
    with fs.open(path, "rb", block_size=READ_BUFFER) as file:
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowException, OSError, ValueError) as error:
            if getattr(error, "errno", None) is not None:
                raise  # of the storage, not of the file
            raise BadInput(unreadable(error, name)) from error
        with parquet:
            yield parquet


def unreadable(error: BaseException, name: str) -> str:
    """The sentence for a file that Arrow cannot read as Parquet."""
    if "crypt" in str(error):
        return f"{name}: the Parquet file is encrypted; decrypt it first."
    return (
        f"{name}: not a readable Parquet file (damaged, cut short or of another format); "
        "write it again, or name it .csv or .jsonl if it is one."
    )
