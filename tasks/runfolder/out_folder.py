"""The check of --out: a run writes into a new or empty folder, or into one that holds a run already."""

from pathlib import PurePosixPath

from tasks.runfolder import claims, costs, workers
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem
from tasks.runfolder.record import RECORD
from tasks.runfolder.storage_errors import unusable


def check_out(url: str) -> None:
    """Raises BadInput if the folder holds anything but a run, or if the URL does not name a folder.

    Raises StorageError if the store does not answer.
    """
    try:
        fs, base = filesystem(url)
        if not url.strip() or not base.strip("/"):
            raise BadInput(
                f"--out {url!r}: it names no folder, or the root of the file system; name a folder for the run."
            )
        if fs.isfile(base):
            raise BadInput(f"--out {url}: a file stands where a folder is wanted; name another.")
        paths = [path.rstrip("/") for path in fs.ls(base, detail=False)]
    except FileNotFoundError:
        return
    except BadInput:
        raise
    except Exception as error:
        raise unusable(error, url) or BadInput(str(error)) from error
    names = {PurePosixPath(path).name for path in paths if path != base.rstrip("/")}
    own = {claims.FOLDER, workers.FOLDER, costs.ESTIMATE}  # of one that is about to begin, or was killed
    foreign = sorted(name for name in names - own if not name.startswith(".") and not name.endswith(".lock"))
    if foreign and RECORD not in names:
        raise BadInput(
            f"--out {url}: the folder is not empty and holds no imagemill run (there is {foreign[0]}); choose another."
        )
