from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.prompts.prompt_files import find_input
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,text,seed,lens\n7,a cat,5,wide\n8,"two\nlines",6,long\n'),
        ("a.jsonl", '{"id": "7", "text": "a cat", "seed": 5}\n{"id": "8", "text": "b", "seed": 6}\n'),
    ],
)
def test_csv_and_json_lines_become_parquet(tmp_path: Path, spool: Storage, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    found = find_input(str(tmp_path / name), spool)
    table = pq.read_table(found.sources[0].url)
    assert table.num_rows == found.rows == 2
    assert table["id"].to_pylist() == ["7", "8"]
    assert table["seed"].to_pylist() == [5, 6]


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
