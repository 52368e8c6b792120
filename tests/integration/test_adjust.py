"""`imagemill adjust` as a whole: pictures of a run or a folder are changed as told, resumed, and adjusted again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from models.diffusers.editor import DiffusersEditor
from tests.integration.runs import Outcome, snapshot, table
from tests.models.diffusers.checkpoints import write_checkpoint

Mill = Callable[..., Outcome]
TEXTS = ["two cats on the beach on a sunny day", "一只狗在草地上，晴天", "a cat"]


@pytest.fixture
def parent(imagemill: Mill, tmp_path: Path) -> Path:
    rows = {"id": ["cats", "dog", "plain"], "text": TEXTS, "shelf": ["a", "b", "c"]}
    pq.write_table(pa.table(rows), tmp_path / "prompts.parquet")
    outcome = imagemill("render", tmp_path / "prompts.parquet", "--out", tmp_path / "parent", "--seed", "3")
    assert outcome.code == 0, outcome.err
    return tmp_path / "parent"


def rows_of(run: Path) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in table(str(run), "metadata").to_pylist()}


def pixels(run: Path, row: dict[str, object]) -> np.ndarray:
    return np.asarray(Image.open(run / str(row["image"])).convert("RGB"), np.float32)


def test_a_run_is_adjusted_resumed_and_adjusted_again(imagemill: Mill, parent: Path, tmp_path: Path) -> None:
    command = ("adjust", parent, "--instruction", "at night, one more cat, only the sky darker", "--out")
    outcome = imagemill(*command, tmp_path / "run")
    assert outcome.code == 3, outcome.err
    made, failed = rows_of(tmp_path / "run"), table(str(tmp_path / "run"), "quarantine").to_pylist()
    assert list(made) == ["cats", "dog"]
    assert "no sky" in failed[0]["error"]
    row, before = made["cats"], rows_of(parent)["cats"]
    assert [step["step"] for step in json.loads(str(row["plan"]))] == ["sky", "count", "brightness"]
    assert (row["parent"], row["parent_sha256"], row["seed"]) == ("cats", before["sha256"], before["seed"])
    assert (row["instruction"], row["shelf"], row["text"]) == (command[3], "a", TEXTS[0])
    assert pixels(tmp_path / "run", row)[:40].mean() < pixels(parent, before)[:40].mean() - 60
    assert Image.open(tmp_path / "run" / str(row["image"])).info["instruction"] == command[3]

    page = (tmp_path / "run/report/index.html").read_text()
    assert 'id="beside"' in page and 'data-name="change of brightness"' in page  # each child beside its parent

    # Killed before the shard was complete: what is left of it does not count, and the same bytes come.
    whole = snapshot(str(tmp_path / "run"))
    shutil.rmtree(tmp_path / "run" / "metadata")
    assert imagemill(*command, tmp_path / "run").code == 3
    assert snapshot(str(tmp_path / "run")) == whole

    # A child is a parent like any other: its scene has all edits, its filters are done again.
    again = imagemill("adjust", tmp_path / "run", "--instruction", "change it to a desert", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    child = rows_of(tmp_path / "again")["cats"]
    assert [edit["step"] for edit in json.loads(str(child["scene_edits"]))] == ["sky", "count", "place"]
    assert [step["step"] for step in json.loads(str(child["filters"]))] == ["brightness"]
    assert child["parent_sha256"] == row["sha256"]

    refused = imagemill("adjust", parent, "--instruction", "make it pop", "--out", tmp_path / "none")
    assert (refused.code, (tmp_path / "none").exists()) == (2, False)
    assert "the nearest it knows" in refused.err
    other = imagemill("adjust", parent, "--instruction", "warmer", "--out", tmp_path / "run")
    assert other.code == 2
    assert "made from something else" in other.err


def test_a_folder_in_s3_with_its_own_instructions(imagemill: Mill, s3: object, bucket: str, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        with fsspec.open(f"{bucket}/in/{name}.png", "wb") as file:
            Image.fromarray(np.random.default_rng(0).integers(60, 180, (40, 60, 3), np.uint8)).save(file, "PNG")
    told = ["much brighter", "add a cat", "make it pop"]
    names = [f"{name}.png" for name in ("a", "b", "c")]
    with fsspec.open(f"{bucket}/in/list.csv", "w") as file:
        file.write("image,instruction\n" + "\n".join(f"{n},{t}" for n, t in zip(names, told, strict=True)))
    outcome = imagemill("adjust", f"{bucket}/in/list.csv", "--out", f"{bucket}/run")
    assert outcome.code == 3, outcome.err
    made, failed = table(f"{bucket}/run", "metadata").to_pylist(), table(f"{bucket}/run", "quarantine").to_pylist()
    assert [(row["instruction"], row["width"], row["height"]) for row in made] == [("much brighter", 60, 40)]
    assert [(row["stage"], row["instruction"]) for row in failed] == [("scene", "add a cat"), ("plan", "make it pop")]
    assert "ask for filters alone" in failed[0]["error"]

    plan = imagemill("adjust", f"{bucket}/in/list.csv", "--out", f"{bucket}/run", "--dry-run", "--json")
    rows = json.loads(plan.out.splitlines()[-1])
    assert [row["refused"] is None for row in rows] == [True, True, False]
    assert rows[0]["plan"] == [{"step": "brightness", "value": 1.4}]
    folder = imagemill("adjust", f"{bucket}/in", "--instruction", "crop to 1:1", "--out", f"{bucket}/square")
    assert folder.code == 0, folder.err
    assert [row["width"] for row in table(f"{bucket}/square", "metadata").to_pylist()] == [40, 40, 40]


def test_instructions_are_understood_without_pictures(imagemill: Mill, tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    file.write_text("instruction,who\nwarmer,a\n三只猫而不是两只,b\nrotate it,c\n", "utf-8")
    outcome = imagemill("adjust", "--instructions", file, "--dry-run", "--json")
    rows = json.loads(outcome.out)
    assert [set(row) for row in rows] == [{"instruction", "plan", "refused"}] * 3
    assert rows[1]["plan"] == [{"step": "count", "value": 3, "thing": "猫"}]
    assert rows[2]["refused"]
    assert "warmer  ->  temperature:+20" in imagemill("adjust", "--instructions", file, "--dry-run").out


def put_pictures(folder: Path) -> np.ndarray:
    """A photograph-like picture with detail everywhere, and a mask that is white in its middle; returns it."""
    chance = np.random.default_rng(5)
    large = [Image.fromarray(chance.integers(0, 256, (n, n, 3), np.uint8)).resize((160, 128)) for n in (6, 40)]
    picture = np.mean([np.asarray(one, float) for one in large], 0).astype(np.uint8)
    (folder / "in").mkdir()
    Image.fromarray(picture).save(folder / "in/photo.png")
    mask = np.zeros((128, 160), np.uint8)
    mask[40:90, 50:110] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return picture


@pytest.mark.parametrize("family", ["instruct-pix2pix", "sd1-inpaint"])
def test_a_checkpoint_edits_within_the_mask_alone(imagemill: Mill, tmp_path: Path, family: str) -> None:
    before, editor = put_pictures(tmp_path), write_checkpoint(tmp_path / family, family)
    command = ("adjust", tmp_path / "in", "--editor", editor, "--editor-steps", 1, "--instruction", "a bouquet of 红花")
    if family == "sd1-inpaint":
        refused = imagemill(*command, "--out", tmp_path / "run")
        assert (refused.code, (tmp_path / "run").exists()) == (2, False)
        assert "it paints within a mask; give --mask" in refused.err
    outcome = imagemill(*command, "--mask", tmp_path / "mask.png", "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    (row,) = table(str(tmp_path / "run"), "metadata").to_pylist()
    after, white = np.asarray(Image.open(tmp_path / "run" / row["image"])), np.zeros((128, 160), bool)
    white[40:90, 50:110] = True
    assert np.array_equal(after[~white], before[~white])
    assert (after[white] != before[white]).mean() > 0.9
    assert (row["editor"], len(row["editor_digest"])) == (family, 64)
    assert json.loads(row["plan"]) == [{"step": "edit", "value": "a bouquet of 红花"}]


def test_an_edit_that_moved_the_picture_is_quarantined(
    imagemill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pictures(tmp_path)
    editor = write_checkpoint(tmp_path / "editor", "instruct-pix2pix")

    def torn(self: object, pixels: torch.Tensor, *_: object) -> torch.Tensor:
        return torch.cat([pixels[..., :80].roll(7, 1), pixels[..., 80:].roll(-7, 1)], -1)

    monkeypatch.setattr(DiffusersEditor, "edit", torn)
    command = ("adjust", tmp_path / "in", "--editor", editor, "--instruction", "warmer", "--out", tmp_path / "run")
    assert imagemill(*command).code == 3
    (row,) = table(str(tmp_path / "run"), "quarantine").to_pylist()
    assert row["stage"] == "edit" and "moved what was to stay by" in row["error"]
