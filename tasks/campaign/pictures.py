"""The pictures behind the ads: those of the run's own `pictures/` folder, and those that the product table names."""

import threading
from collections import OrderedDict
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from tasks.campaign.recipe import SCENE
from tasks.campaign.shard_state import Ad
from tasks.imaging.decode import on_white, open_picture
from tasks.layout.box import Box
from tasks.layout.contrast import Colour
from tasks.layout.saliency import Attention, changed
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.tables import read_table

FOLDER = "pictures"
"""Below the run folder: the run that generates them."""
LARGEST = 2600  # pixels of the longer side: no placement is larger
KEPT = 6  # pictures: the ads of a shard share few


class Pictures:
    """Opens pictures, drawn towards the brand's colour by a share, and keeps the last ones."""

    def __init__(self, out: str, folder: str, colour: Colour, tint: float) -> None:
        self._out, self._folder = out, folder
        self._colour, self._tint = colour, tint
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.Lock()
        self._generated: dict[str, str] | None = None
        self._kept: OrderedDict[tuple[str, object], tuple[Image.Image, Attention]] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name in {"_out", "_folder", "_colour", "_tint"}}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def generated(self) -> dict[str, str]:
        """Paths of the generated pictures by id, once they are made. Raises StorageError."""
        with self._lock:
            if self._generated is None:
                run = Storage(self._out)
                tables = [read_table(run, path).select(["id", "image"]) for path in run.list(f"{FOLDER}/metadata")]
                self._generated = {
                    id: f"{FOLDER}/{path}"
                    for table in tables
                    for id, path in zip(table["id"].to_pylist(), table["image"].to_pylist(), strict=True)
                }
            return self._generated

    def of(self, ad: Ad) -> tuple[Image.Image, Attention]:
        """An ad's picture in RGB, and what matters in it.

        Raises:
            ValueError: it is not there or not a picture; the sentence says so.
            StorageError: storage failed in a way that may pass.
        """
        key = ad.picture, ad.subject
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        plain = opened(self._read(ad, ad.picture), ad.picture)
        picture = self._tinted(plain)
        box = None
        if ad.generated and f"{ad.picture}{SCENE}" in self.generated():
            scene = opened(self._read(ad, f"{ad.picture}{SCENE}"), ad.picture)
            box = changed(np.asarray(plain), np.asarray(scene))
        elif ad.subject is not None:
            x, y, width, height = ad.subject
            box = Box(
                round(x * picture.width),
                round(y * picture.height),
                round(width * picture.width),
                round(height * picture.height),
            )
        found = picture, Attention(np.asarray(picture), box)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, ad: Ad, path: str) -> bytes:
        if ad.generated:
            return Storage(self._out).read(self.generated()[path])
        if "://" in path or PurePosixPath(path).is_absolute():
            folder, _, name = path.rpartition("/")
        else:
            folder, name = self._folder, path
        try:
            return Storage(folder or "/").read(name)
        except StorageError as error:
            if error.passing:
                raise
            raise ValueError(str(error)) from error

    def _tinted(self, picture: Image.Image) -> Image.Image:
        if not self._tint:
            return picture
        import cv2

        lab = cv2.cvtColor(np.asarray(picture, np.float32) / 255, cv2.COLOR_RGB2LAB)
        brand = cv2.cvtColor(np.array([[self._colour]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
        lab[..., 1:] += (brand[1:] - lab[..., 1:].mean((0, 1))) * np.float32(self._tint)
        rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
        return Image.fromarray(np.rint(rgb.clip(0, 1) * 255).astype(np.uint8))


def opened(data: bytes, name: str) -> Image.Image:
    """A picture file in RGB, upright, alpha on white, no larger than any placement. Raises ValueError."""
    try:
        picture = open_picture(data)
        picture.draft("RGB", (LARGEST, LARGEST))
        picture = on_white(ImageOps.exif_transpose(picture))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"picture {name!r} cannot be read ({error or type(error).__name__}); give another.") from error
    if max(picture.size) > LARGEST:
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return picture
