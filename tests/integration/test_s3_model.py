"""A language model that lies in an object store."""

from pathlib import Path

import pytest

from models.text.text_encoder import load_text_encoder
from tasks.loading.models import resolve
from tasks.runfolder.errors import BadInput
from tests.integration.s3 import S3
from tests.models.text.language_models import write_language_model


def test_an_encoder_in_s3_is_brought_and_encodes(
    s3: S3, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    folder = write_language_model(tmp_path / "tiny")
    s3.filesystem().put(f"{folder}/", f"{bucket}/tiny/", recursive=True)
    brought = load_text_encoder(resolve(f"{bucket}/tiny"))
    assert brought.name == "tiny"
    assert brought.digest == load_text_encoder(str(folder)).digest
    assert brought.encode(["w1 w2"])[0].shape == (4, 32)


def test_an_encoder_that_is_not_in_s3_is_told_in_one_sentence(s3: S3, bucket: str) -> None:
    with pytest.raises(BadInput, match="/none: no such file or folder"):
        resolve(f"{bucket}/none")
    with pytest.raises(BadInput, match=r"the bucket does not exist|no such file or folder"):
        resolve("s3://imagemill-no-such-bucket/tiny")
