"""Measured batch sizes of a checkpoint: `imagemill-tuned.json` in its folder, one entry per device, size and options.

If the folder cannot be written or is a download, the file is in the user's cache. Entries hold for the weights they
were measured with, and name their device, so that several machines may share a folder.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from models.cache import cache_folder
from models.device import device_name
from models.diffusers.options import Acceleration

NAME = "imagemill-tuned.json"
MOST = 4096  # images in one batch; a record beyond it is damaged, and ignored


class Measured(BaseModel):
    """One batch size: pictures a second, and bytes of GPU memory at the peak (None on a CPU, which does not count)."""

    batch_size: int
    pictures_a_second: float
    peak_memory: int | None


class Tuned(BaseModel):
    """The result for one device, size and set of options, and when it was measured (seconds since the epoch)."""

    batch_size: Annotated[int, Field(ge=1, le=MOST)]
    measured: list[Measured]
    when: float


class _File(BaseModel):
    """The file's content."""

    digest: str
    """Of the denoiser's half of the checkpoint."""
    found: dict[str, Tuned]


class Tunings:
    """The records of one checkpoint.

    Args:
        folder: the checkpoint's own, or None if nothing may be written to it.
        digest: of its picture half.
    """

    def __init__(self, folder: Path | None, digest: str) -> None:
        self._digest = digest
        self._places = [cache_folder() / "tuned" / digest[:32] / NAME]
        if folder is not None:
            self._places.insert(0, folder / NAME)

    def keep(self, tuned: Tuned, device: str, width: int, height: int, options: Acceleration) -> Path:
        """Writes a result; returns the file. Raises OSError if not even the cache can be written."""
        for path in self._places:
            content = _File(
                digest=self._digest, found={**self._read(path), _key(device, width, height, options): tuned}
            )
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_text(content.model_dump_json(indent=1) + "\n", "utf-8")
                partial.replace(path)
                return path
            except OSError:
                if path == self._places[-1]:
                    raise
        raise AssertionError("there is always the cache")

    def kept(self, device: str, width: int, height: int, options: Acceleration) -> Tuned | None:
        """The latest result for this device, size and options; None if there is none."""
        found = [self._read(path).get(_key(device, width, height, options)) for path in self._places]
        return max((one for one in found if one is not None), key=lambda one: one.when, default=None)

    def _read(self, path: Path) -> dict[str, Tuned]:
        try:
            content = _File.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content.found if content.digest == self._digest else {}


def _key(device: str, width: int, height: int, options: Acceleration) -> str:
    given = options.model_dump(exclude_defaults=True)
    return ", ".join([device_name(device), f"{width} x {height}", *(f"{name} {given[name]}" for name in sorted(given))])
