from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import cut_evenly, mark_duplicates, shards_between
from tasks.render.read import ReadOptions, picture_seed, read
from tasks.render.shard_state import Work
from tasks.render.survey import duplicate_rows
from tasks.runfolder.storage import Storage

SIZE = (128, 128)


def read_all(tmp_path: Path, table: pa.Table, shard_size: int = 4, **options: int) -> list[Work]:
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


def test_text_that_is_not_utf8_costs_its_row_alone(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"\xff\xfe", None], pa.binary()).view(pa.string())
    (work,) = read_all(tmp_path, pa.table({"text": broken}))
    assert [p.text for p in work.prompts] == ["fine", b"\xff\xfe", None]
