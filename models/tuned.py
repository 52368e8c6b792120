"""What was measured of a checkpoint on this machine, kept in the cache under the checkpoint's digest.

The cache, not the checkpoint's folder, which may be shared, read-only or a download: the figures are this machine's.
"""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel

from models.acceleration import Acceleration
from models.cache import cache_folder
from models.device import device_name


class Measured(BaseModel):
    """One batch size: pictures a second, and bytes of GPU memory at the peak (None on a CPU, which does not count)."""

    batch_size: int
    pictures_a_second: float
    peak_memory: int | None


class Tuned(BaseModel):
    """What was found for one device, size and set of options."""

    batch_size: int
    measured: list[Measured]


def _file(digest: str, device: str, width: int, height: int, options: Acceleration) -> Path:
    given = json.dumps(options.model_dump(exclude_defaults=True), sort_keys=True)
    name = f"{device_name(device)} {width}x{height} {hashlib.sha256(given.encode()).hexdigest()[:8]}.json"
    return cache_folder() / "tuned" / digest[:32] / name.replace("/", "-")


def keep(tuned: Tuned, digest: str, device: str, width: int, height: int, options: Acceleration) -> Path:
    """Writes what was found; returns where. Raises OSError when the cache cannot be written."""
    path = _file(digest, device, width, height, options)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(tuned.model_dump_json(indent=1), "utf-8")
    partial.replace(path)
    return path


def kept(digest: str, device: str, width: int, height: int, options: Acceleration) -> Tuned | None:
    """What was found before for this device, size and options, if anything."""
    try:
        return Tuned.model_validate_json(_file(digest, device, width, height, options).read_bytes())
    except (OSError, ValueError):
        return None
