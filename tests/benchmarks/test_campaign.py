"""The benchmark of campaigns writes a campaign that can be planned, and pages that say what ours says."""

import json
from pathlib import Path

from benchmarks.campaign import page, processor_ours, write_campaign


def test_its_campaign_is_made(tmp_path: Path) -> None:
    assert processor_ours(write_campaign(tmp_path, None, 10), tmp_path) > 0


def test_a_page_has_every_line_of_an_ad(tmp_path: Path) -> None:
    boxes = {"headline": {"box": [1, 2, 3, 4], "size": 20, "lines": ["a < b", "走到"]}, "logo": {"box": [0, 0, 1, 1]}}
    made = page({"boxes": json.dumps(boxes), "width": 300, "height": 250}, tmp_path / "p.jpg")
    assert "a &lt; b<br>走到" in made
    assert "left:1px;top:2px;font:20px" in made
