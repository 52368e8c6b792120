"""Training on a data set that lies in an object store."""

from pathlib import Path

import pytest

from flows.jobs.train import AutoencoderJob
from flows.train import run_training
from models.generators.registry import load_generator
from tasks.runfolder.errors import BadInput
from tests.integration.s3 import S3
from tests.tiny import WordEncoder, write_tiny


def job(dataset: str, out: Path) -> AutoencoderJob:
    return AutoencoderJob(
        dataset=dataset, out=out, encoder="words", steps=1, width=64, layers=1, batch=4, pictures=2, size=32
    )


def test_a_data_set_in_s3_trains_as_a_local_one(s3: S3, bucket: str, tmp_path: Path) -> None:
    write_tiny(tmp_path / "dataset", scenes=4)
    s3.filesystem().put(f"{tmp_path / 'dataset'}/", f"{bucket}/dataset/", recursive=True)
    run_training(job(f"{bucket}/dataset", tmp_path / "remote"), WordEncoder())
    run_training(job(str(tmp_path / "dataset"), tmp_path / "local"), WordEncoder())
    remote, local = (load_generator(str(tmp_path / name)) for name in ("remote", "local"))
    assert remote.digest == local.digest
    s3.filesystem().put(f"{tmp_path / 'local'}/", f"{bucket}/model/", recursive=True)
    more = job(f"{bucket}/dataset", tmp_path / "more").model_copy(update={"start": f"{bucket}/model", "rate": 1e-9})
    assert run_training(more, WordEncoder()).figures.keys() >= {"reconstruction, dB"}


def test_a_data_set_that_is_not_in_s3_is_told_in_one_sentence(s3: S3, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no finished data set"):
        run_training(job(f"{bucket}/none", tmp_path / "out"), WordEncoder())
    assert not (tmp_path / "out").exists()
