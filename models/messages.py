"""What a library says, as part of a sentence of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def one_line(error: BaseException, longest: int = 300) -> str:
    """An error's message on one line, cut where it goes on for too long."""
    return " ".join(str(error).split())[:longest]


@contextmanager
def one_sentence(folder: Path | str, done: str = "loaded") -> Iterator[None]:
    """Whatever a library raises over the files of a model's folder becomes ValueError with one sentence.

    A tampered configuration makes libraries raise errors of any type. A ValueError that begins with the folder is a
    sentence of ours already; the end of memory is nobody's file's fault.
    """
    try:
        yield
    except Exception as error:
        ours = isinstance(error, ValueError) and str(error).startswith(str(folder))
        if ours or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's
            raise
        what = one_line(error) or type(error).__name__
        raise ValueError(f"{folder} cannot be {done}: {what}") from error
