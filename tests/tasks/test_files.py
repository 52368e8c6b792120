"""Files of a shard: what cannot be had is put aside with its reason."""

from pathlib import Path

import pytest

from tasks.archive import Archive
from tasks.dicom.open import Refused
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.files import read
from tasks.scan import Scan

NAMES = Pseudonyms("k" * 64)


def test_a_link_that_leads_nowhere_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "lost.dcm").symlink_to(tmp_path / "nowhere")
    archive = Archive(str(tmp_path / "archive"), tmp_path / "spool", None, NAMES)
    work = read(next(archive.list_shards()), archive.storage, NAMES, False)
    assert [(r.row, r.stage, r.error) for r in work.rejected] == [
        (0, "open", "it was gone when its turn came, or is a link that leads nowhere")
    ]


def test_an_empty_file_is_no_sound_file() -> None:
    with pytest.raises(Refused, match="the file has no bytes") as refusal:
        Scan(0, "", b"")
    assert refusal.value.stage == "open"
