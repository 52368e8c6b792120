from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import cut_evenly, mark_duplicates, shards_between
from tasks.render.options import ReadOptions
from tasks.render.read import picture_seed, read
from tasks.render.shard_state import RenderShard
from tasks.render.survey import duplicate_rows, row_pixels
from tasks.runfolder.storage import Storage

SIZE = (128, 128)


def read_all(tmp_path: Path, table: pa.Table, shard_size: int = 4, **options: int) -> list[RenderShard]:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
    pq.write_table(table, path, row_group_size=5)
    found = find_input(str(path), Storage(str(tmp_path / "spool")))
    shards = mark_duplicates(shards_between(cut_evenly(found.rows, shard_size)), duplicate_rows(found))
    return [read(found, shard, ReadOptions(**options), SIZE) for shard in shards]


def test_every_row_is_read_once_whatever_the_row_groups(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(23)]
    for shard_size in (1, 4, 7, 100):
        works = read_all(tmp_path, pa.table({"text": texts}), shard_size)
        assert [p.text for work in works for p in work.prompts] == texts
        assert [p.row for work in works for p in work.prompts] == list(range(23))


def test_shards_may_be_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [str(i) for i in range(40)]}), path, row_group_size=7)
    found = find_input(str(path), Storage(str(tmp_path)))
    shards = list(shards_between(cut_evenly(found.rows, 5)))
    for shard in [shards[6], shards[1], shards[1], shards[7], shards[0], shards[3]]:
        work = read(found, shard, ReadOptions(), SIZE)
        assert [p.text for p in work.prompts] == [str(i) for i in range(shard.row, shard.row + 5)]


def test_ids_without_an_id_column_are_stable_and_distinct(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "a", "b"]})
    first, second = (read_all(tmp_path, table, size) for size in (1, 3))
    ids = [p.id for work in first for p in work.prompts]
    assert ids == [p.id for work in second for p in work.prompts]
    assert len(set(ids)) == 3


def test_a_seed_depends_on_job_seed_and_id_alone(tmp_path: Path) -> None:
    table = pa.table({"id": ["x", "y"], "text": ["a", "a"]})
    (work,) = read_all(tmp_path, table, seed=7)
    assert work.prompts[0].seeds == [picture_seed(7, "x")]
    assert work.prompts[0].seeds != work.prompts[1].seeds


def test_a_row_may_say_its_seed_size_and_count(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "seed": [11], "width": [64], "height": [32], "count": [3]})
    (work,) = read_all(tmp_path, table)
    (prompt,) = work.prompts
    assert (prompt.seeds, prompt.width, prompt.height) == ([11, 12, 13], 64, 32)


def test_other_columns_are_carried(tmp_path: Path) -> None:
    (work,) = read_all(tmp_path, pa.table({"text": ["a"], "campaign": ["spring"], "id": [1]}))
    assert work.carried.to_pylist() == [{"campaign": "spring"}]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"width": [5]}, "width is 5"),
        ({"height": [10_000_000]}, "height is 10000000"),
        ({"seed": [-1]}, "seed is -1"),
        ({"seed": [1.5]}, "seed is 1.5"),
        ({"seed": [float("nan")]}, "seed is nan"),
        ({"width": ["wide"]}, "width is 'wide'"),
        ({"count": [0]}, "count is 0"),
    ],
)
def test_a_bad_value_costs_its_row_alone(tmp_path: Path, columns: dict[str, list[object]], words: str) -> None:
    both = {name: [*values, None] for name, values in columns.items()}
    (work,) = read_all(tmp_path, pa.table({"text": ["a", "b"], **both}))
    assert [p.text for p in work.prompts] == ["b"]
    assert words in work.failures[0].error


def test_later_rows_of_one_id_are_refused_across_shards(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", "c", "d", "a", None, None, "b"], "text": ["t"] * 8})
    works = read_all(tmp_path, table, shard_size=3)
    assert [f.row for work in works for f in work.failures] == [4, 7]
    assert sum(len(work.prompts) for work in works) == 6


def test_an_id_or_a_carried_text_that_is_not_utf8_costs_its_row(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"\xff\xfe", None], pa.binary()).view(pa.string())
    texts = {"text": ["a", "b", "c"]}
    for columns in ({"id": broken}, {"note": broken}, {"tags": pa.ListArray.from_arrays([0, 1, 2, 3], broken)}):
        (work,) = read_all(tmp_path, pa.table({**texts, **columns}))
        assert [p.row for p in work.prompts] == [0, 2]
        assert "not UTF-8 text" in work.failures[0].error


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        (pa.array([b"\0" * 15 + b"\1"], pa.binary(16)).cast(pa.uuid()), "00000000-0000-0000-0000-000000000001"),
        (pa.array([Decimal(7)], pa.decimal128(38, 0)), "7"),
        (pa.array([7.0]), "7"),
        (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        (pa.array(["007"]), "007"),
    ],
)
def test_ids_of_many_types(tmp_path: Path, ids: pa.Array, wanted: str) -> None:
    (work,) = read_all(tmp_path, pa.table({"id": ids, "text": ["a"]}))
    assert [p.id for p in work.prompts] == [wanted]


def test_ids_that_are_no_ids_cost_their_rows(tmp_path: Path) -> None:
    (work,) = read_all(tmp_path, pa.table({"id": [1.0, 1.5, float("nan"), None], "text": list("abcd")}))
    assert [p.row for p in work.prompts] == [0, 3]
    assert [f.error[:12] for f in work.failures] == ["the id is '1", "the id is 'n"]


def test_numbers_written_as_text_or_decimals(tmp_path: Path) -> None:
    columns = {"width": ["512.0", " 64 ", "1_0"], "seed": [Decimal("2.0"), Decimal("1.5"), Decimal(3)]}
    (work,) = read_all(tmp_path, pa.table({"text": list("abc"), **columns}))
    assert [(p.width, p.seeds) for p in work.prompts] == [(512, [2])]
    assert [f.error for f in work.failures] == [
        "seed is 1.5; give a whole number.",
        "width is '1_0'; give a whole number.",
    ]


def test_an_id_that_is_anothers_picture_is_refused(tmp_path: Path) -> None:
    """`a` with two pictures makes `a~0` and `a~1`, which the metadata must hold once."""
    ids = ["a~1", "a", "a~2", "b~0", "c", "c~0"]
    table = pa.table({"id": ids, "text": ["t"] * 6, "count": [1, 2, 1, 1, None, 1]})
    works = read_all(tmp_path, table)
    assert [f.row for work in works for f in work.failures] == [0]
    assert not [f for work in read_all(tmp_path, table.drop(["count"])) for f in work.failures]


def test_rows_pixels_follow_from_columns_options_and_defaults(tmp_path: Path) -> None:
    def pixels(table: pa.Table, **options: int) -> list[int] | None:
        pq.write_table(table, tmp_path / "p.parquet")
        found = find_input(str(tmp_path / "p.parquet"), Storage(str(tmp_path / "spool")))
        chunks = row_pixels(found, ReadOptions(**options), (100, 200))
        return None if chunks is None else np.concatenate(list(chunks)).tolist()

    assert pixels(pa.table({"text": ["a"]})) is None
    texts = list("abcd")
    assert pixels(pa.table({"text": texts, "width": [16, None, 5, 32]}), count=3) == [9600, 60000, 60000, 19200]
    assert pixels(pa.table({"text": texts, "count": ["2", "x", None, "4.0"]}), height=50) == [10000, 5000, 5000, 20000]


def test_of_a_panorama_one_edge_tells_the_other(tmp_path: Path) -> None:
    edges = {"width": [None, 512, None, 512, 512, 33, None], "height": [None, None, 100, 256, 255, None, 4000]}
    works = read_all(tmp_path, pa.table({"text": ["a"] * 7, **edges}), panorama=True)
    made = {p.row: (p.width, p.height) for work in works for p in work.prompts}
    assert made == {0: SIZE, 1: (512, 256), 2: (200, 100), 3: (512, 256)}  # SIZE: as the plan says
    why = {f.row: f.error for work in works for f in work.failures}
    assert why.keys() == {4, 5, 6}
    assert "twice as wide as high, which 512 x 255 is not" in why[4] and "33 x 16" in why[5]
    assert "8000 wide; the widest is 4096" in why[6]


def test_rows_of_panoramas_count_both_edges(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"] * 3, "width": [200, None, 400], "count": [1, 1, 2]})
    pq.write_table(table, tmp_path / "p.parquet")
    found = find_input(str(tmp_path / "p.parquet"), Storage(str(tmp_path / "spool")))
    chunks = row_pixels(found, ReadOptions(panorama=True), (1024, 512))
    assert chunks is not None
    assert np.concatenate(list(chunks)).tolist() == [20_000, 1024 * 512, 160_000]


def test_text_that_is_not_utf8_costs_its_row_alone(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"\xff\xfe", None], pa.binary()).view(pa.string())
    (work,) = read_all(tmp_path, pa.table({"text": broken}))
    assert [p.text for p in work.prompts] == ["fine", b"\xff\xfe", None]
