"""What is no picture is named for what it is."""

import gzip

import pytest

from tasks.archive.file_kinds import kind_of
from tests.tasks.archive.test_packed import PACKED

NIFTI = b"\x5c\x01\0\0".ljust(344, b"\0") + b"ni1\0" + bytes(100)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (NIFTI, "a NIfTI volume"),
        (gzip.compress(NIFTI, mtime=0), "a NIfTI volume"),
        (PACKED["export.zip"], "packed"),
        (PACKED["export.tar"], "packed"),
        (gzip.compress(b"Zzmother", mtime=0), "packed"),
        (b"\x1f\x8bdamaged", "packed"),
        (b"Zzmother", "no picture"),
    ],
)
def test_file_is_named_for_what_it_is(data: bytes, words: str) -> None:
    assert kind_of(data).startswith(words)
    assert "Zzmother" not in kind_of(data)
