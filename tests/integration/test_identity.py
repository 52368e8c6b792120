"""A row's picture is the same bytes whatever goes on around it: neighbours, order, batches, shards, a resume."""

import io
import json
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.runs import Outcome, files, snapshot, table, texts, write_prompts

Mill = Callable[..., Outcome]
ROWS = 40
ALONE = 17


def pictures(run: Path) -> dict[str, str]:
    """Picture id to the sha256 that the metadata gives."""
    made = table(str(run), "metadata")
    return dict(zip(made["id"].to_pylist(), made["sha256"].to_pylist(), strict=True))


@pytest.fixture(params=["dummy", "default"])
def generator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return Path(write_prompts(str(tmp_path / "prompts.parquet"), ROWS, seeds=True, row_group=13))


def test_same_picture_in_any_company(generator: str, prompts: Path, tmp_path: Path, imagemill: Mill) -> None:
    rows = pq.read_table(prompts)
    backwards = tmp_path / "backwards.parquet"
    pq.write_table(rows.take(list(reversed(range(ROWS)))), backwards)
    single = tmp_path / "single.parquet"
    pq.write_table(rows.slice(ALONE, 1), single)
    ways: dict[str, tuple[Path, list[object]]] = {
        "as it comes": (prompts, []),
        "one row a shard": (single, []),
        "one picture a batch": (prompts, ["--batch-size", 1, "--shard-size", 40]),
        "odd batches and shards": (prompts, ["--batch-size", 7, "--shard-size", 11, "--window", 1]),
        "many shards in flight": (prompts, ["--batch-size", 5, "--shard-size", 3, "--window", 8]),
        "backwards": (backwards, ["--shard-size", 9]),
    }
    made = {}
    for number, (way, (source, options)) in enumerate(ways.items()):
        run = tmp_path / f"run{number}"
        outcome = imagemill("render", source, "--out", run, "--generator", generator, "--no-report", *options)
        assert outcome.code == 0, outcome.err
        made[way] = pictures(run)

    usual = made.pop("as it comes")
    alone = made.pop("one row a shard")
    assert len(usual) == ROWS
    assert len(set(usual.values())) == ROWS, "different rows made one picture"
    assert alone == {f"p{ALONE:07d}": usual[f"p{ALONE:07d}"]}
    assert {way: each == usual for way, each in made.items()} == dict.fromkeys(made, True)


def test_same_picture_after_a_resume(prompts: Path, tmp_path: Path, imagemill: Mill) -> None:
    command = ["render", prompts, "--generator", "dummy", "--shard-size", 7, "--out"]
    assert imagemill(*command, tmp_path / "whole").code == 0
    whole = snapshot(str(tmp_path / "whole"))

    assert imagemill(*command, tmp_path / "resumed").code == 0
    for lost in ("metadata/00001.parquet", "metadata/00004.parquet"):
        (tmp_path / "resumed" / lost).unlink()
    (tmp_path / "resumed" / "images" / "00004" / "p0000030.png").unlink()
    assert imagemill(*command, tmp_path / "resumed").code == 0
    assert snapshot(str(tmp_path / "resumed")) == whole


def test_same_pictures_by_parts(prompts: Path, tmp_path: Path, imagemill: Mill) -> None:
    command = ["render", prompts, "--generator", "dummy", "--shard-size", 7, "--out"]
    assert imagemill(*command, tmp_path / "whole").code == 0
    for part in (3, 1, 2):
        assert imagemill(*command, tmp_path / "parts", "--partition", f"{part}/3").code == 0
    assert snapshot(str(tmp_path / "parts")) == snapshot(str(tmp_path / "whole"))


def test_same_picture_in_any_layout(prompts: Path, tmp_path: Path, imagemill: Mill) -> None:
    digests, contents = {}, {}
    for layout in ("files", "parquet", "tar"):
        run = tmp_path / layout
        options = ["--generator", "dummy", "--layout", layout, "--shard-size", 16]
        assert imagemill("render", prompts, "--out", run, *options).code == 0
        digests[layout] = pictures(run)
        contents[layout] = {id: sha256(data).hexdigest() for id, data in kept(run).items()}
    assert len(digests["files"]) == ROWS
    assert contents["files"] == digests["files"]
    assert contents["parquet"] == contents["tar"] == contents["files"]


def kept(run: Path) -> dict[str, bytes]:
    """The pictures by id, as the layout keeps them."""
    found: dict[str, bytes] = {}
    for name, data in files(str(run)).items():
        if name.endswith(".png"):
            found[Path(name).stem] = data
        elif name.startswith("images/") and name.endswith(".parquet"):
            for row in pq.read_table(io.BytesIO(data)).to_pylist():
                found[row["id"]] = row["image"]["bytes"]
        elif name.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
            for member, content in members.items():
                if member.endswith(".png"):
                    found[json.loads(members[member.removesuffix(".png") + ".json"])["id"]] = content
    return found


def test_a_rows_own_seed_size_and_count(tmp_path: Path, imagemill: Mill) -> None:
    prompts = tmp_path / "prompts.parquet"
    columns = {
        "text": ["a cat", "a cat", "a cat", "a cat"],
        "id": ["own seed", "same seed", "two", "wide"],
        "seed": [5, 5, None, None],
        "count": [1, 1, 2, 1],
        "width": pa.array([None, None, None, 96], pa.int32()),
        "height": pa.array([None, None, None, 48], pa.int32()),
    }
    pq.write_table(pa.table(columns), prompts)
    assert imagemill("render", prompts, "--out", tmp_path / "run", "--generator", "dummy").code == 0
    made = {row["id"]: row for row in table(str(tmp_path / "run"), "metadata").to_pylist()}
    assert made["own seed"]["seed"] == made["same seed"]["seed"] == 5
    assert made["own seed"]["brightness"] == made["same seed"]["brightness"]
    two = [row for row in made.values() if row["prompt_id"] == "two"]
    assert len(two) == 2
    assert len({row["seed"] for row in two}) == 2
    assert (made["wide"]["width"], made["wide"]["height"]) == (96, 48)


def test_another_job_seed_makes_other_pictures(prompts: Path, tmp_path: Path, imagemill: Mill) -> None:
    for seed in (0, 1):
        options = ["--generator", "dummy", "--seed", seed]
        assert imagemill("render", prompts, "--out", tmp_path / str(seed), *options).code == 0
    first, second = pictures(tmp_path / "0"), pictures(tmp_path / "1")
    same = {id for id in first if first[id] == second[id]}
    assert same == {f"p{row:07d}" for row in range(0, ROWS, 3)}  # the rows with a seed of their own


def test_ids_made_from_content_and_position(tmp_path: Path, imagemill: Mill) -> None:
    prompts = tmp_path / "prompts.parquet"
    pq.write_table(pa.table({"text": [*texts(5), *texts(5)]}), prompts)
    for run in ("one", "two"):
        shards = ["--shard-size", 3 if run == "one" else 10]
        assert imagemill("render", prompts, "--out", tmp_path / run, "--generator", "dummy", *shards).code == 0
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")
    assert len(pictures(tmp_path / "one")) == 10
