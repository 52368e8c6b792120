"""WebP thumbnails to embed in the report, from any layout.

>>> list(thumbnails(storage, ["images/00000/a.png", "images/00001.parquet#b", "images/00002.tar#c.png"]))
"""

import base64
import io
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from PIL import Image

from tasks.imaging.decode import open_picture
from tasks.render.layouts import read_pack
from tasks.report.data import read_ahead
from tasks.runfolder.storage import Storage


def thumbnails(storage: Storage, images: Sequence[str], edge: int) -> list[str | None]:
    """One base64 WebP for each `image` value (path in the run), in order; None where there is no readable picture.

    Args:
        edge: pixels of the longer side at most; smaller pictures are not enlarged.
    """
    containers: dict[str, list[str]] = {}
    for image in images:
        containers.setdefault(image.rpartition("#")[0], []).append(image)
    encoded: dict[str, str | None] = {}
    for container, members in containers.items():
        encoded |= _shard(storage, container, members, edge) if container else _files(storage, members, edge)
    return [encoded.get(image) for image in images]


def _thumbnail(picture: bytes | None, edge: int) -> str | None:
    if not picture:
        return None
    try:
        with open_picture(picture) as image:
            image.draft("RGB", (edge, edge))  # decodes a JPEG at reduced size
            small = image.convert("RGBA" if image.has_transparency_data else "RGB")
        small.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=80)
    except Exception:  # of any type: a damaged picture costs a thumbnail, not the report
        return None
    return base64.b64encode(out.getvalue()).decode()


def _files(storage: Storage, images: Sequence[str], edge: int) -> dict[str, str | None]:
    return dict(read_ahead(lambda path: (path, _thumbnail(_file(storage, path), edge)), images))


def _file(storage: Storage, path: str) -> bytes | None:
    try:
        return storage.read(path) if path else None
    except OSError:
        return None


def _shard(storage: Storage, container: str, images: Sequence[str], edge: int) -> dict[str, str | None]:
    """Reads a shard file from its start until all images are found; keeps only their thumbnails in memory."""
    needed = set(images)
    members = islice((item for item in read_pack(storage, container) if item[0] in needed), len(needed))
    encoded: dict[str, str | None] = {}
    with suppress(Exception):  # a missing or damaged shard shows its prompts
        encoded.update(read_ahead(lambda item: (item[0], _thumbnail(item[1], edge)), members))
    return encoded
