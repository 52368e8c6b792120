"""Cubes of a run's panoramas, from every layout."""

import io
import json
from pathlib import Path

import numpy as np
import py360convert
import pytest
from PIL import Image

from tasks.render.cubes import FACES, cube, face_size, write_cubes
from tasks.render.options import Layout
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tests.panoramas import directions, psnr
from tests.tasks.run_folder import make_run


def file(number: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(directions(128) - np.uint8(number)).save(out, "PNG")
    return out.getvalue()


def run_of(folder: Path, layout: Layout = "files", told: bool = True) -> Storage:
    make_run(folder, 3, layout=layout, shard=2, picture=None if layout == "dummy" else file)
    record = json.loads((folder / "run.json").read_text())
    record["job"] |= {"panorama": True} if told else {}
    (folder / "run.json").write_text(json.dumps(record))
    return Storage(str(folder))


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_every_panorama_has_six_faces(layout: Layout, tmp_path: Path) -> None:
    assert write_cubes(run_of(tmp_path / "run", layout), Storage(str(tmp_path / "cubes")), 32) == 3
    faces = sorted((tmp_path / "cubes").rglob("*.png"))
    assert len(faces) == 18
    assert {face.stem for face in faces} == set(FACES.values())
    assert all(Image.open(face).size == (32, 32) for face in faces)


def test_faces_look_where_they_say_and_make_the_panorama_again() -> None:
    faces = cube(directions(128), face_size(128))
    middle = {name: face[31:33, 31:33].reshape(-1, 3).mean(0).round() - 127 for name, face in faces.items()}
    towards = {"front": (2, 1), "back": (2, -1), "right": (0, 1), "left": (0, -1), "up": (1, 1), "down": (1, -1)}
    for name, (axis, sign) in towards.items():
        assert middle[name][axis] * sign > 110, name
    by_letter = {letter: faces[name] for letter, name in FACES.items()}
    assert psnr(py360convert.c2e(by_letter, 64, 128, cube_format="dict"), directions(128)) >= 35


def test_a_face_has_the_density_of_its_panorama() -> None:
    assert [face_size(width) for width in (256, 1024, 2000, 4096)] == [128, 512, 1024, 2048]


def test_what_has_no_panoramas_is_refused(tmp_path: Path) -> None:
    to = Storage(str(tmp_path / "cubes"))
    with pytest.raises(BadInput, match="there are no panoramas here"):
        write_cubes(run_of(tmp_path / "flat", told=False), to)
    with pytest.raises(BadInput, match="kept no pictures"):
        write_cubes(run_of(tmp_path / "none", "dummy"), to)
    run = run_of(tmp_path / "damaged")
    next((tmp_path / "damaged/images").rglob("*.png")).write_bytes(b"\x89PNG")
    with pytest.raises(BadInput, match="this picture cannot be read"):
        write_cubes(run, to)


def test_a_run_is_not_written_into_and_not_taken_for_whole_before_it_is(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    for inside in ("run", "run/images"):
        with pytest.raises(BadInput, match="it lies in the run; choose a folder outside of it"):
            write_cubes(run, Storage(str(tmp_path / inside)))
    (tmp_path / "run/metadata/00001.parquet").unlink()
    with pytest.raises(BadInput, match="1 of 2 shards are not done; run the same `imagemill render` again"):
        write_cubes(run, Storage(str(tmp_path / "run-cubes")))
