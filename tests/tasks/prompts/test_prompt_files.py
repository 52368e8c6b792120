from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.prompts.parquet_reader import shard_rows
from tasks.prompts.prompt_files import Input, find_input
from tasks.prompts.shards import Shard
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage


@pytest.fixture
def spool(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "spool"))


def write(path: Path, **columns: list[object]) -> str:
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return str(path)


def test_first_known_column_is_the_text(tmp_path: Path, spool: Storage) -> None:
    assert find_input(write(tmp_path / "a.parquet", caption=["a"], prompt=["b"]), spool).text_column == "prompt"


def test_text_column_by_name(tmp_path: Path, spool: Storage) -> None:
    path = write(tmp_path / "a.parquet", title=["a"], text=["b"])
    assert find_input(path, spool, "title").text_column == "title"


def test_a_folder_of_files_is_one_input(tmp_path: Path, spool: Storage) -> None:
    (tmp_path / "many").mkdir()
    write(tmp_path / "many/1.parquet", text=["a", "b"])
    write(tmp_path / "many/2.parquet", text=["c"])
    found = find_input(str(tmp_path / "many"), spool)
    assert [source.rows for source in found.sources] == [2, 1]


def rows_of(found: Input) -> list[dict[str, object]]:
    """All rows, in columns of the whole input; those that cannot be read as a string: where and why."""
    rows = shard_rows(found, Shard(0, 0, found.rows))
    return [
        f"{rows.place(i)}{rows.problems[i]}" if i in rows.problems else row
        for i, row in enumerate(rows.table.to_pylist())
    ]


def test_cells_of_csv_are_text(tmp_path: Path, spool: Storage) -> None:
    """Only an empty one is nothing: RFC 4180 knows no null and no numbers."""
    path = tmp_path / "a.csv"
    path.write_text('id,text,seed,zip\n007,NA,5,00123\nNA,"two\nlines",6,null\n,"a ""big"" cat",,\n')
    assert rows_of(find_input(str(path), spool)) == [
        {"id": "007", "text": "NA", "seed": "5", "zip": "00123"},
        {"id": "NA", "text": "two\nlines", "seed": "6", "zip": "null"},
        {"id": None, "text": 'a "big" cat', "seed": None, "zip": None},
    ]


def test_the_fingerprint_knows_the_content(tmp_path: Path, spool: Storage) -> None:
    first = find_input(write(tmp_path / "a.parquet", text=["a cat"]), spool).fingerprint()
    same = find_input(write(tmp_path / "b.parquet", text=["a cat"]), spool).fingerprint()
    other = find_input(write(tmp_path / "a.parquet", text=["a dog"]), spool).fingerprint()
    assert first == same
    assert first != other


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"title": ["a"]}, "no column is named text"),
        ({"text": [1, 2]}, "holds int64, not text"),
        ({"text": pa.array([], pa.string())}, "there are no rows"),
    ],
)
def test_unusable_columns_are_named(
    tmp_path: Path, spool: Storage, columns: dict[str, list[object]], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        find_input(write(tmp_path / "a.parquet", **columns), spool)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"not parquet at all", "not a readable Parquet"), (None, "no such file")]
)
def test_unreadable_files_are_named(tmp_path: Path, spool: Storage, content: bytes | None, words: str) -> None:
    path = tmp_path / "a.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=words) as caught:
        find_input(str(path), spool)
    assert str(path) in str(caught.value)


def test_a_file_cut_short_is_refused(tmp_path: Path, spool: Storage) -> None:
    path = Path(write(tmp_path / "a.parquet", text=["a"] * 1000))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="cut short"):
        find_input(str(path), spool)


def test_files_of_different_columns_are_refused(tmp_path: Path, spool: Storage) -> None:
    write(tmp_path / "1.parquet", text=["a"])
    write(tmp_path / "2.parquet", text=["a"], seed=[1])
    with pytest.raises(BadInput, match="columns differ"):
        find_input(f"{tmp_path}/*.parquet", spool)
