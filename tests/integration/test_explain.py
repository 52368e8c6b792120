"""`render --explain` with the real models: a heat map a word beside every picture, and the row says so."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.integration.runs import Outcome, files, table

Mill = Callable[..., Outcome]
pytestmark = pytest.mark.slow


def test_heat_maps_lie_beside_the_pictures_and_what_a_word_names_glows(imagemill: Mill, tmp_path: Path) -> None:
    texts = ["a car in the city at night", "沙滩上有一对情侣散步", "cat"]
    pq.write_table(pa.table({"text": texts, "id": ["car", "couple", "cat"]}), tmp_path / "prompts.parquet")
    out = tmp_path / "run"
    assert imagemill("render", tmp_path / "prompts.parquet", "--out", out, "--explain", "--seed", 3).code == 0
    rows = {row["id"]: row for row in table(str(out), "metadata").to_pylist()}
    found = files(str(out))
    for name in ("car", "couple"):
        words, shares = rows[name]["explain_words"], rows[name]["explain_shares"]
        assert words == rows[name]["keywords"]
        assert sum(shares) == pytest.approx(1, abs=0.01)
        strip = Image.open(io.BytesIO(found[rows[name]["explain"]]))
        assert strip.size == (128 * len(words), 128)
    assert rows["cat"]["explain"] is None  # a text of one word: there is nothing to compare it with
    night = rows["car"]["explain_words"].index("night")
    tile = np.asarray(Image.open(io.BytesIO(found[rows["car"]["explain"]])))[:, 128 * night : 128 * (night + 1)]
    glow = tile[..., 0].astype(int) - tile[..., 2]
    assert glow[:30].mean() > 40  # the sky


def test_a_generator_that_reads_no_text_cannot_be_explained(imagemill: Mill, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a cat"]}), tmp_path / "prompts.parquet")
    run = imagemill(
        "render", tmp_path / "prompts.parquet", "--out", tmp_path / "run", "--explain", "--generator", "dummy"
    )
    run.refused("--explain", "dummy")
    assert not (tmp_path / "run").exists()
