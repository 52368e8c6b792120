"""A stage of one's own: one file and one entry in the list, and the run, its summary and its report know it."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows.render import PIPELINE
from tests.flows.stamp import EDGE, STAMP
from tests.integration.runs import Outcome, files, table, write_prompts

Mill = Callable[..., Outcome]


@pytest.mark.parametrize("runner", ["threads", "ray"])
def test_a_stage_that_stamps_a_mark(
    imagemill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    monkeypatch.setattr("flows.render.PIPELINE", (*PIPELINE[:-1], STAMP, PIPELINE[-1]))
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 12)
    done = imagemill(
        *("render", prompts, "--out", tmp_path / "run", "--generator", "dummy", "--shard-size", 4, "--json"),
        *("--width", 32, "--height", 32, "--runner", runner),
    )
    assert done.code == 0, done.err
    pictures = [data for name, data in files(str(tmp_path / "run")).items() if name.endswith(".png")]
    assert len(pictures) == table(str(tmp_path / "run"), "metadata").num_rows == 12
    for data in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        assert (pixels[:EDGE, :EDGE] == 255).all() and (pixels[EDGE:] < 255).any()
    assert list(json.loads(done.out)["seconds"]) == ["read", "preprocess", "generate", "stamp", "write"]
    report = (tmp_path / "run/report/index.html").read_text()
    assert (
        report.index("<span>generate</span>") < report.index("<span>stamp</span>") < report.index("<span>write</span>")
    )
