import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.report.sheet import EDGE, contact_sheet
from tasks.runfolder.storage import Storage


def test_the_first_pictures_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "metadata").mkdir()
    for name, colour in (("a", "red"), ("b", "blue")):
        Image.new("RGB", (256, 128), colour).save(tmp_path / f"images/{name}.png")
    images = ["images/a.png", "images/lost.png", "images/b.png"]
    pq.write_table(pa.table({"row": range(3), "image": images}), tmp_path / "metadata/00000.parquet")
    made = contact_sheet(Storage(str(tmp_path)))
    assert made is not None
    with Image.open(io.BytesIO(made)) as sheet:
        assert sheet.size == (2 * EDGE, EDGE)
        middles = [sheet.getpixel((EDGE // 2 + EDGE * i, EDGE // 2)) for i in (0, 1)]
    assert middles[0][0] > 200 > middles[0][2] and middles[1][2] > 200 > middles[1][0]


def test_a_run_without_pictures_has_no_sheet(tmp_path: Path) -> None:
    assert contact_sheet(Storage(str(tmp_path))) is None
