"""Cubes of panoramas: six square pictures each, as game engines and viewers of virtual reality take them."""

import math
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from models.messages import one_line
from tasks.imaging.decode import open_picture
from tasks.imaging.png import encode_png
from tasks.render.layouts import read_pack
from tasks.runfolder.completed import complete_shards
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import check_outside, read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table

FACES = {"F": "front", "R": "right", "B": "back", "L": "left", "U": "up", "D": "down"}


def face_size(width: int) -> int:
    """The edge of a face that loses nothing of a panorama so wide: the power of two from width / pi, the density of
    pixels in the middle of a face."""
    return int(2 ** math.ceil(math.log2(width / math.pi)))


def cube(panorama: np.ndarray, edge: int) -> dict[str, np.ndarray]:
    """The six faces (edge, edge, 3) of a panorama (h, w, 3), uint8, as they are seen from inside."""
    import py360convert

    faces = py360convert.e2c(panorama, face_w=edge, cube_format="dict")
    return {name: np.ascontiguousarray(faces[key]) for key, name in FACES.items()}


def write_cubes(run: Storage, to: Storage, edge: int | None = None) -> int:
    """Writes the cube of each panorama of a run to `SHARD/NAME/front.png` and so on; returns how many cubes.

    Args:
        edge: of a face in pixels; by default as `face_size` says.

    Raises:
        BadInput: there is no complete run of panoramas in the folder, it has kept no pictures, or `to` lies in it.
        StorageError: something could not be read or written.
    """
    record = read_record(run)
    if record is None or not record["job"].get("panorama"):
        raise BadInput(f"{run.url()}: there are no panoramas here; give the folder of `imagemill render --panorama`.")
    if record["job"].get("layout") == "dummy":
        raise BadInput(f"{run.url()}: this run kept no pictures (layout dummy); render it again with another layout.")
    check_outside(to, run)
    done = complete_shards(run)
    if len(done) < record["shards"]:
        raise BadInput(
            f"{run.url()}: {record['shards'] - len(done)} of {record['shards']} shards are not done; run the same "
            "`imagemill render` again to complete it."
        )
    count = 0
    for shard in sorted(done):
        for image, data in _pictures(run, shard):
            panorama = _pixels(run, image, data)
            name = PurePosixPath(image.rpartition("#")[2]).stem
            faces = cube(panorama, edge or face_size(panorama.shape[1]))
            to.write_many({f"{shard}/{name}/{face}.png": encode_png(pixels, {}) for face, pixels in faces.items()})
            count += 1
    return count


def _pixels(run: Storage, image: str, data: bytes) -> np.ndarray:
    try:
        return np.asarray(open_picture(data).convert("RGB"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{run.url(image)}: this picture cannot be read ({one_line(error)}).") from error


def _pictures(run: Storage, shard: str) -> Iterator[tuple[str, bytes]]:
    """The pictures of a shard, one in memory at a time."""
    images = [image for image in read_table(run, f"metadata/{shard}.parquet")["image"].to_pylist() if image]
    packs = dict.fromkeys(image.rpartition("#")[0] for image in images)
    for pack in packs:
        if pack:
            wanted = set(images)
            yield from (member for member in read_pack(run, pack) if member[0] in wanted)
        else:
            yield from ((image, run.read(image)) for image in images if "#" not in image)
