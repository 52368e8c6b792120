"""Whatever is damaged in an archive: files in are results or put aside, each once, and no error is another's."""

import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.uid import RLELossless

from tasks.imaging.jxl import encode_jxl
from tests.fuzzing import CHANGES, Changes, damaged, fuzzed
from tests.integration.runs import table
from tests.tasks.archive.test_large_files import put, run
from tests.tasks.dicom.samples import sample

FILES = 8  # an archive


@cache
def seeds() -> dict[str, bytes]:
    draw = np.random.default_rng(0)
    colour, grey = draw.integers(0, 256, (12, 10, 3), np.uint8), draw.integers(0, 65536, (12, 10), np.uint16)
    made = {"deep.jxl": encode_jxl(grey)}
    for name, kind, pixels in (
        ("a.png", "PNG", colour),
        ("deep.png", "PNG", grey),
        ("a.jpg", "JPEG", colour),
        ("a.webp", "WEBP", colour),
        ("a.tif", "TIFF", colour),
        ("deep.tif", "TIFF", grey),
    ):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind)
        made[name] = out.getvalue()
    for name, packed in (("ct.dcm", False), ("rle.dcm", True)):
        dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
        dataset.PixelData = np.ascontiguousarray(dataset.pixel_array[:16, :16]).tobytes()
        dataset.Rows = dataset.Columns = 16
        if packed:
            dataset.compress(RLELossless, generate_instance_uid=False)
        out = io.BytesIO()
        dataset.save_as(out)
        made[name] = out.getvalue()
    return made


@fuzzed(FILES)
@given(st.lists(st.tuples(st.integers(0, 8), CHANGES), min_size=FILES, max_size=FILES))
def test_damaged_pictures_and_dicom_files(files: list[tuple[int, Changes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (which, changes) in enumerate(files):
            seed = sorted(seeds())[which]
            put(folder, f"{number}-{seed}", damaged(seeds()[seed], changes))
        out = run(folder, "run", "contrast:1.1")
        made, aside = table(out.url(), "metadata"), table(out.url(), "quarantine")
        assert sorted(made["row"].to_pylist() + aside["row"].to_pylist()) == list(range(FILES))
        assert all((Path(out.url()) / image).stat().st_size for image in made["image"].to_pylist())
        assert not any("\n" in error or not error for error in aside["error"].to_pylist())


def test_the_seeds_themselves_are_fine() -> None:
    with tempfile.TemporaryDirectory() as name:
        for file, data in seeds().items():
            put(Path(name), file, data)
        out = run(Path(name), "run", "contrast:1.1")
        assert table(out.url(), "metadata").num_rows == len(seeds()) == 9
