import base64
import bz2
import gzip
import io
import json
import os
import subprocess
import sys
import threading
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from tasks.prompts.parquet_reader import MOST_OPEN, shard_rows
from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import Shard
from tasks.prompts.whole_input import Input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError


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


def write_csv(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["id,text", *lines]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (['1,"a cat', "2,a dog", "3,a fish"], ["line 2: a quote opens here and is never closed", "a dog", "a fish"]),
        (['1,"a cat', "2,a dog", '3,"a fish"'], ["line 2: text stands after a closing quote", "a dog", "a fish"]),
        (['1,"a cat', "2,a dog", '3,12"'], ["line 2: the quote that opens here closes", "a dog", '12"']),
        (['1,"a cat"s,', "2,a dog"], ["line 2: text stands after a closing quote", "a dog"]),
        (["1,a cat,", "2,a dog"], ["line 2: 3 cells, where the header has 2 columns", "a dog"]),
        (["1", "", "2,a dog"], ["line 2: 1 cells, where the header has 2 columns", "a dog"]),
        (['1,"a cat,', 'a hat"', "2,a dog"], ["a cat,\na hat", "a dog"]),
        (['1,"a cat', "in", 'rain"', '2,"3,""x"""'], ["a cat\nin\nrain", '3,"x"']),
    ],
)
def test_a_quote_costs_its_own_row(tmp_path: Path, spool: Storage, lines: list[str], wanted: list[str]) -> None:
    rows = rows_of(find_input(write_csv(tmp_path / "a.csv", *lines), spool))
    assert len(rows) == len(wanted)
    for row, text in zip(rows, wanted, strict=True):
        assert text in row if isinstance(row, str) else row["text"] == text


def test_a_line_that_is_not_utf8_costs_its_row_alone(tmp_path: Path, spool: Storage) -> None:
    (tmp_path / "a.csv").write_bytes("id,text\n1,一只猫\n2,caf\u00e9\n".encode() + b"3,\xff\xfe\n4,a dog\n")
    rows = rows_of(find_input(str(tmp_path / "a.csv"), spool))
    assert [row if isinstance(row, str) else row["text"] for row in rows] == [
        "一只猫",
        "café",
        "a.csv, line 4: not UTF-8 text",
        "a dog",
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json"])
def test_json_lines_may_have_other_keys_and_types_later(tmp_path: Path, spool: Storage, suffix: str) -> None:
    lines = [f'{{"id": {i}, "text": "a cat", "size": 1, "note": null, "mixed": 7}}' for i in range(3000)]
    late = '{"text": "2024-05-01", "size": 0.5, "style": {"tags": ["oil"]}, "note": "2024-05-01", "mixed": "B-7"}'
    path = tmp_path / f"a{suffix}"
    path.write_text("\n".join([*lines, "not json", late]))
    rows = rows_of(find_input(str(path), spool))
    assert rows[0] == {"id": 0, "text": "a cat", "size": 1.0, "note": None, "mixed": "7", "style": None}
    assert "line 3001: not JSON" in str(rows[3000])
    assert rows[3001] == {
        "id": None,
        "text": "2024-05-01",
        "size": 0.5,
        "note": "2024-05-01",
        "mixed": "B-7",
        "style": {"tags": ["oil"]},
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "a", "text": "b"}', "the key 'text' stands twice"),
        ('{"text": 7}', "text is 7; give a text in quotes"),
        ('["a cat", "a dog"]', "not an object of columns"),
        ('{"text": "broken \\ud83d"}', "half a character"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_a_bad_line_of_json_costs_its_row(tmp_path: Path, spool: Storage, line: str, problem: str) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"text": "a cat"}}\n{line}\n\n{{"text": "a dog"}},\n')
    first, bad, last = rows_of(find_input(str(tmp_path / "a.jsonl"), spool))
    assert (first, last) == ({"text": "a cat"}, {"text": "a dog"})
    assert "a.jsonl, line 2: " in str(bad)
    assert problem in str(bad)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'[{"text": "a cat"},\n {"text":\n"a dog"}]'),
        ("a.json", b'{"text": "a cat"}{"text": "a dog"}'),
        ("a.json", b'["a cat", "a dog"]'),
        ("a.txt", b"a cat\r\n\r\na dog"),
        ("a.tsv", b"text\tn\na cat\t1\na dog\t2\n"),
        ("a.csv", b"n;text\n1;a cat\n2;a dog\n"),
        ("a.csv", b"n,Prompt\n1,a cat\n2,a dog\n"),
        ("a.csv", b"\xef\xbb\xbftext\ra cat\ra dog\r"),
        ("a.csv", "text,n\na cat,é\na dog,ü\n".encode("utf-16")),
        ("a.csv", "text,n\na cat,é\na dog,ü\n".encode("utf-16-le")),
        ("a.csv.gz", gzip.compress(b"text\na cat\n", mtime=0) + gzip.compress(b"a dog\n", mtime=0)),
        ("a.txt.bz2", bz2.compress(b"a cat\na dog\n")),
        ("a.jsonl.zst", pa.compress(b'{"text": "a cat"}\n{"text": "a dog"}', "zstd", asbytes=True)),
    ],
)
def test_formats_that_people_have(tmp_path: Path, spool: Storage, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = find_input(str(tmp_path / name), spool)
    assert [row[found.text_column] for row in rows_of(found)] == ["a cat", "a dog"]


def test_values_deeper_than_parquet_reads_are_kept_as_text(tmp_path: Path, spool: Storage) -> None:
    deep = "[" * 200 + "]" * 200
    (tmp_path / "a.jsonl").write_text(f'{{"text": "a", "x": {deep}}}\n{{"text": "b", "x": [1]}}\n')
    assert [row["x"] for row in rows_of(find_input(str(tmp_path / "a.jsonl"), spool))] == [deep, "[1]"]


def test_an_array_on_one_long_line(tmp_path: Path, spool: Storage) -> None:
    rows = [{"text": f"a cat {i}", "note": "x" * 1000} for i in range(9000)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    assert rows_of(find_input(str(tmp_path / "a.json"), spool)) == rows


@pytest.mark.parametrize(
    ("encoding", "text", "named"),
    [
        ("gbk", "阳光明媚，沙滩上有一对情侣散步", "GBK"),
        ("cp1252", "a café in Paris", "Windows-1252"),
        ("shift_jis", "赤いリンゴと猫", "Shift JIS"),
        ("cp1251", "красное яблоко", "Windows-1251"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, spool: Storage, encoding: str, text: str, named: str) -> None:
    (tmp_path / "a.csv").write_bytes(f"id,text\n1,a red apple\n2,{text}\n".encode(encoding))
    with pytest.raises(BadInput, match=f"not UTF-8 but looks like .*{named}"):
        find_input(str(tmp_path / "a.csv"), spool)


@pytest.mark.parametrize(
    ("one", "other", "unified"),
    [
        (pa.array(["x"]), pa.array([None], pa.null()), pa.string()),
        (pa.array(["x"]), pa.array(["y"], pa.large_string()), pa.large_string()),
        (pa.array(["x"], pa.string_view()), pa.array(["y"]).dictionary_encode(), pa.string()),
        (pa.array([1], pa.int8()), pa.array([300], pa.uint16()), pa.int32()),
        (pa.array([1]), pa.array([0.5]), pa.float64()),
        (pa.array([["x"]]), pa.array([[]], pa.list_(pa.null())), pa.list_(pa.string())),
        (pa.array([{"a": 1}]), pa.array([{"b": "x"}]), pa.struct({"a": pa.int64(), "b": pa.string()})),
    ],
)
def test_schemas_that_nearly_agree(
    tmp_path: Path, spool: Storage, one: pa.Array, other: pa.Array, unified: pa.DataType
) -> None:
    pq.write_table(pa.table({"text": ["a"], "note": one}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"note": other, "text": pa.array(["b"], pa.large_string())}), tmp_path / "2.parquet")
    found = find_input(f"{tmp_path}/*.parquet", spool)
    assert found.schema.field("note").type == unified
    notes = [row["note"] for row in rows_of(found)]
    wanted = [one.to_pylist()[0], other.to_pylist()[0]]
    assert notes in (wanted, [{"a": 1, "b": None}, {"a": None, "b": "x"}])


@pytest.mark.parametrize(
    ("one", "other"), [([1], ["x"]), ([True], [1]), ([b"x"], ["x"]), ([[1]], [1]), ([datetime(2024, 5, 1)], [1])]
)
def test_types_that_no_value_would_survive_are_named(
    tmp_path: Path, spool: Storage, one: list[object], other: list[object]
) -> None:
    write(tmp_path / "1.parquet", text=["a"], note=one)
    write(tmp_path / "2.parquet", text=["a"], note=other)
    with pytest.raises(BadInput, match=r"2.parquet: column 'note' holds .* but .* in .*1.parquet"):
        find_input(f"{tmp_path}/*.parquet", spool)


def test_a_number_too_long_for_its_column_costs_its_row(tmp_path: Path, spool: Storage) -> None:
    write(tmp_path / "1.parquet", text=["a", "b"], note=[2**60 + 1, 5])
    write(tmp_path / "2.parquet", text=["c"], note=[0.5])
    first, *others = rows_of(find_input(f"{tmp_path}/*.parquet", spool))
    assert "column 'note' holds '1152921504606846977'" in str(first)
    assert [row["note"] for row in others] == [5.0, 0.5]


def test_columns_of_ours_may_have_other_types_in_each_file(tmp_path: Path, spool: Storage) -> None:
    write(tmp_path / "1.parquet", text=["a"], id=[1], seed=[5])
    (tmp_path / "2.csv").write_text("seed,id,text\n6,007,b\n")
    (tmp_path / "3.jsonl").write_text('{"text": "c"}')
    rows = rows_of(find_input(str(tmp_path), spool))
    assert [(row["id"], row["seed"]) for row in rows] == [("1", "5"), ("007", "6"), (None, None)]


def test_folders_as_they_come(tmp_path: Path, spool: Storage) -> None:
    for name in ("a.parquet", "_temporary/0/part.parquet", ".hidden.parquet", "._a.parquet", "deep/er/b.parquet"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "in" / name, text=[name])
    (tmp_path / "in/c.csv").write_text("text\nc.csv\n")
    (tmp_path / "in/d.jsonl").write_text('{"text": "d.jsonl"}')
    (tmp_path / "in/readme.txt").write_text("not a prompt")
    (tmp_path / "in/info.json").write_text('{"not": "a prompt"}')
    (tmp_path / "in/picture.png").write_bytes(b"x")
    (tmp_path / "in/again.parquet").symlink_to(tmp_path / "in/a.parquet")
    (tmp_path / "in/gone.parquet").symlink_to(tmp_path / "nowhere.parquet")
    (tmp_path / "in/deep/round").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in/pipe.csv")
    found = find_input(str(tmp_path / "in"), spool)
    assert [row["text"] for row in rows_of(found)] == ["a.parquet", "c.csv", "d.jsonl", "deep/er/b.parquet"]
    assert [row["source_file"] for row in rows_of(found)] == [row["text"] for row in rows_of(found)]
    assert found.left_out == {
        "its name begins with _ or .": 3,
        "of another kind": 1,
        "a .txt beside tables": 1,
        "a .json beside tables": 1,
        "another name of one of the files": 1,
        "no regular file": 2,
    }


def test_brackets_in_a_name_stand_for_themselves(tmp_path: Path, spool: Storage) -> None:
    for name in ("set [1]/a [v2].parquet", "set 1/a.parquet"):
        (tmp_path / name).parent.mkdir()
        write(tmp_path / name, text=[name])
    for prompts in ("set [1]", "set [1]/a [v2].parquet", "set [1]/*.parquet", "set [[]1]/*"):
        found = find_input(f"{tmp_path}/{prompts}", spool)
        assert [row["text"] for row in rows_of(found)] == ["set [1]/a [v2].parquet"]
    assert [row["text"] for row in rows_of(find_input(f"{tmp_path}/set [12]/*", spool))] == ["set 1/a.parquet"]


def test_what_hive_says_in_folders_is_a_column(tmp_path: Path, spool: Storage) -> None:
    for style, count in (("oil%20paint", 2), ("__HIVE_DEFAULT_PARTITION__", 3)):
        folder = tmp_path / f"style={style}" / f"count={count}"
        folder.mkdir(parents=True)
        write(folder / "0.parquet", text=["a"])
    rows = rows_of(find_input(str(tmp_path), spool))
    assert [(row["style"], row["count"]) for row in rows] == [(None, "3"), ("oil paint", "2")]


def test_a_text_is_a_prompt_and_a_mistyped_path_is_not(tmp_path: Path, spool: Storage) -> None:
    for text in ("a red car", "阳光明媚", "what is this?", "[a] cat"):
        assert [row["text"] for row in rows_of(find_input(text, spool))] == [text]
    for path in ("missing.parquet", "my file.csv", f"{tmp_path}/no such", "word"):
        with pytest.raises(BadInput, match="no such file"):
            find_input(path, spool)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"a cat\na dog\n", ["a cat", "a dog"]),
        (b'{"text": "a cat"}\n{"text": "a dog"}\n', ["a cat", "a dog"]),
        (b"id,text\n1,a cat\n", ["a cat"]),
        (b"a cat, text, logo\n", ["a cat, text, logo"]),
    ],
)
def test_a_pipe_is_read_as_what_it_holds(tmp_path: Path, spool: Storage, content: bytes, texts: list[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert [row["text"] for row in rows_of(find_input(str(pipe), spool))] == texts
    writer.join()


def test_the_name_of_the_file_that_changed_is_kept(tmp_path: Path, spool: Storage) -> None:
    write(tmp_path / "1.parquet", text=["a"])
    write(tmp_path / "2.parquet", text=["b"])
    before = find_input(f"{tmp_path}/*.parquet", spool).digests()
    write(tmp_path / "2.parquet", text=["c"])
    after = find_input(f"{tmp_path}/*.parquet", spool).digests()
    assert before["1.parquet"] == after["1.parquet"]
    assert before["2.parquet"] != after["2.parquet"]


def test_a_file_over_http(tmp_path: Path, spool: Storage) -> None:
    write(tmp_path / "a.parquet", text=["a cat"])
    (tmp_path / "b.csv").write_text("text\na dog\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert [row["text"] for row in rows_of(find_input(f"{base}/a.parquet", spool))] == ["a cat"]
        assert [row["text"] for row in rows_of(find_input(f"{base}/b.csv?version=2", spool))] == ["a dog"]
        with pytest.raises(BadInput, match="no such file"):
            find_input(f"{base}/c.csv", spool)
        server.shutdown()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gs://bucket/a.parquet", r"imagemill\[gcs\]"),
        ("az://bucket/a.parquet", r"imagemill\[azure\]"),
        ("foo://bucket/a.parquet", "no storage called foo://"),
        ("http://127.0.0.1:9/a.parquet", "cannot be reached"),
        ("", "PROMPTS is empty"),
    ],
)
def test_places_that_cannot_be_read_are_told(spool: Storage, url: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        find_input(url, spool)


def test_an_encrypted_file_is_told(tmp_path: Path, spool: Storage) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(encrypted(pa.table({"text": ["a cat"]}), plaintext_footer=False))
    with pytest.raises(BadInput, match="encrypted; decrypt it"):
        find_input(str(path), spool)
    path.write_bytes(encrypted(pa.table({"text": ["a cat"]}), plaintext_footer=True))
    with pytest.raises(StorageError, match="encrypted; decrypt it"):
        rows_of(find_input(str(path), spool))


def encrypted(table: pa.Table, plaintext_footer: bool) -> bytes:
    class Plain(encryption.KmsClient):
        def __init__(self, config: object) -> None:
            super().__init__()

        def wrap_key(self, key: bytes, name: str) -> bytes:
            return base64.b64encode(key)

        def unwrap_key(self, key: bytes, name: str) -> bytes:
            return base64.b64decode(key)

    properties = encryption.CryptoFactory(Plain).file_encryption_properties(
        encryption.KmsConnectionConfig(),
        encryption.EncryptionConfiguration(
            footer_key="f", column_keys={"c": table.column_names}, plaintext_footer=plaintext_footer
        ),
    )
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_files_are_opened_one_after_another(tmp_path: Path, spool: Storage) -> None:
    for i in range(200):
        write(tmp_path / f"{i:03d}.parquet", text=[f"{i}a", f"{i}b"])
    found = find_input(str(tmp_path), spool)
    before = len(list(Path("/proc/self/fd").iterdir()))
    rows = [
        row
        for start in range(0, found.rows, 7)
        for row in shard_rows(found, Shard(0, start, min(7, found.rows - start))).table["text"].to_pylist()
    ]
    assert rows == [f"{i}{side}" for i in range(200) for side in "ab"]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + MOST_OPEN


def test_reading_csv_takes_no_more_memory_than_a_block(tmp_path: Path) -> None:
    """40 MB of CSV, in a process of its own: 177 MB of memory for 198 MB of file is what it was."""
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("id,text,note\n")
        for i in range(200_000):
            file.write(f"{i},a red apple number {i} on a wooden table,{'x' * 150}\n")
    program = (
        "import resource, sys, pyarrow as pa, pyarrow.parquet\n"
        "from tasks.prompts.prompt_files import find_input\n"
        "from tasks.runfolder.storage import Storage\n"
        "find_input(sys.argv[1], Storage(sys.argv[3]))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert find_input(sys.argv[2], Storage(sys.argv[3])).rows == 200_000\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    small = write_csv(tmp_path / "small.csv", *(f"{i},a cat" for i in range(3000)))
    command = [sys.executable, "-c", program, small, str(path), str(tmp_path / "spool")]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024
    print(f"grown by {grown:.0f} MB")
    assert grown < 25
