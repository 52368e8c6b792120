import unicodedata

import pytest

from tasks.runfolder.filenames import LONGEST, distinct_names, file_name, numbered


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("cat-7", "cat-7"),
        ("美丽的海滩", "美丽的海滩"),
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("nul\0", "nul%00"),
        ("a%2Fb", "a%252Fb"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("-rf", "%2Drf"),
        ("../../x", "%2E.%2F..%2Fx"),
        ("con", "%63on"),  # Windows keeps it for a device, with any ending
        ("LPT1.x", "%4CPT1.x"),
        ("console", "console"),
    ],
)
def test_ids_become_one_safe_path_part(id: str, expected: str) -> None:
    assert file_name(id) == expected


def test_long_ids_are_cut_and_stay_apart() -> None:
    one, two = file_name("x" * 300 + "1"), file_name("x" * 300 + "2")
    assert one != two
    assert max(len(one.encode()), len(two.encode())) <= LONGEST


def test_a_long_chinese_id_is_cut_between_characters() -> None:
    assert len(file_name("沙" * 300).encode()) <= LONGEST


def test_empty_id_has_a_name() -> None:
    assert file_name("") == "%"


def test_a_picture_number_is_never_taken_for_an_id() -> None:
    assert numbered(file_name("x"), 1) == "x~1" != file_name("x~1")


@pytest.mark.parametrize(
    "ids",
    [
        ["A", "a"],
        ["Straße", "STRASSE"],
        ["caf\u00e9", "cafe\u0301", "CAF\u00c9"],
        ["ı", "I", "i", "İ"],
        ["Σ", "ς", "σ"],
    ],
)
def test_names_that_some_file_system_takes_for_one_are_told_apart(ids: list[str]) -> None:
    names = distinct_names([*ids, "b"])
    assert names[ids[0]] == ids[0]
    assert names["b"] == "b"
    for way in ("NFC", "NFD"):
        for fold in (str.casefold, str.upper, str.lower):
            assert len({fold(unicodedata.normalize(way, name)) for name in names.values()}) == len(ids) + 1
    assert names[ids[1]] == distinct_names(ids)[ids[1]]
