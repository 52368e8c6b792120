"""Reads a script by the ending of its file's name."""

from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from charset_normalizer import from_bytes

from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import check_regular, filesystem
from tasks.runfolder.storage_errors import unusable
from tasks.storyboard.plain_scripts import read_markdown, read_table
from tasks.storyboard.screenplay import read_fdx, read_fountain
from tasks.storyboard.script import Script

_READERS: dict[str, Callable[[str, str], Script]] = {
    ".fountain": read_fountain,
    ".txt": read_fountain,
    ".spmd": read_fountain,
    ".fdx": read_fdx,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".csv": lambda text, title: read_table(text, title, ","),
    ".tsv": lambda text, title: read_table(text, title, "\t"),
}
MOST_BYTES = 32 << 20  # of a script; a film has some 200 kB


def read_script(url: str) -> tuple[Script, bytes]:
    """A script, local or in an object store, and the bytes of its file.

    Raises:
        BadInput: it cannot be read, or holds no scene.
        StorageError: storage failed in a way that may pass.
    """
    path = PurePosixPath(urlsplit(url).path if "://" in url else url)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{url}: a script is a .fountain, .fdx, .md, .csv or .tsv file; save it as one of these.")
    try:
        fs, place = filesystem(url)
        check_regular(fs, place)
        if fs.size(place) > MOST_BYTES:
            raise BadInput(f"{url}: more than {MOST_BYTES >> 20} MB is no script; choose another file.")
        data = bytes(fs.cat_file(place))
    except BadInput:
        raise
    except Exception as error:
        raise unusable(error, url) or error from error
    try:
        script = reader(_decoded(data), path.stem)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{url}: not a script that can be read: {error}; correct it.") from error
    if not script.scenes:
        raise BadInput(
            f"{url}: there is no scene; begin one with a heading such as INT. KITCHEN - DAY or 内景 厨房 日."
        )
    return script, data


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(data, cp_isolation=["utf_16", "gb18030", "big5", "cp1252"]).best()
        if best is None:
            raise ValueError("its encoding is not known; save it as UTF-8") from None
        return str(best)
