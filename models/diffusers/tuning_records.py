"""What was measured of a checkpoint: `imagemill-tuned.json` in its folder, an entry a device, size and options.

Where that cannot be written, or the folder is a download's, the same file lies in the user's cache. An entry counts for
the weights that it was measured with; a device's name is part of it, so a folder may serve several machines.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from models.cache import cache_folder
from models.device import device_name
from models.diffusers.acceleration import Acceleration

NAME = "imagemill-tuned.json"
MOST = 4096  # images in one batch; a record beyond it is damaged, and ignored


class Measured(BaseModel):
    """One batch size: pictures a second, and bytes of GPU memory at the peak (None on a CPU, which does not count)."""

    batch_size: int
    pictures_a_second: float
    peak_memory: int | None


class Tuned(BaseModel):
    """What was found for one device, size and set of options, and when (seconds since the epoch)."""

    batch_size: Annotated[int, Field(ge=1, le=MOST)]
    measured: list[Measured]
    when: float


class _File(BaseModel):
    """The file's content."""

    digest: str
    """Of the denoiser's half of the checkpoint."""
    found: dict[str, Tuned]


class Tunings:
    """The findings about one checkpoint.

    Args:
        folder: the checkpoint's own, or None where nothing may be left in it.
        digest: of its denoiser's half.
    """

    def __init__(self, folder: Path | None, digest: str) -> None:
        self._digest = digest
        self._places = [cache_folder() / "tuned" / digest[:32] / NAME]
        if folder is not None:
            self._places.insert(0, folder / NAME)

    def keep(self, tuned: Tuned, device: str, width: int, height: int, options: Acceleration) -> Path:
        """Writes what was found; returns where. Raises OSError when not even the cache can be written."""
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
        """The last that was found for this device, size and options, if anything."""
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
