"""Training a denoiser: it learns from noisy pictures alone, resumes exactly, and serves the chain."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pydicom.data import get_testdata_file
from safetensors.torch import load_file
from skimage.data import camera, coins, rocket

from benchmarks.denoise_data import noisy, unbiased
from flows.jobs.train import DenoiserJob
from flows.train import run_training
from tasks.enhance.chain import enhance, open_chain
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tasks.training.output_folder import STATE
from tests.flows.killed import train_until_killed

pytestmark = pytest.mark.slow
SIGMA = 0.1


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quarters of a photograph with noise: grey of 16 and 8 bits, colour of 16, one in a folder; a CT; others."""
    folder = tmp_path_factory.mktemp("archive")
    clean, noise = camera() / 255, np.random.default_rng(0)
    for i, (y, x) in enumerate(((0, 0), (0, 256), (256, 0), (256, 256))):
        part = clean[y : y + 256, x : x + 256]
        part = np.stack([part] * 3, -1) if i == 2 else part
        spoilt = (0.2 + 0.6 * part + 0.6 * SIGMA * noise.normal(size=part.shape)).clip(0, 1)
        pixels = (spoilt * 255).round().astype(np.uint8) if i == 1 else (spoilt * 65535).round().astype(np.uint16)
        path = folder / ("more" if i == 3 else "") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(path), pixels)
    shutil.copy(get_testdata_file("CT_small.dcm"), folder / "scan")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def job(archive: Path, out: Path, steps: int = 6, start: str = "default", every: int = 2) -> DenoiserJob:
    return DenoiserJob(archive=str(archive), out=out, steps=steps, start=start, patches=64, every=every)


def test_it_learns_from_noisy_pictures_alone(archive: Path, tmp_path: Path) -> None:
    quick = job(archive, tmp_path / "out", steps=150, start="none", every=150)
    summary = run_training(quick.model_copy(update={"correction": 0}))
    assert summary.pictures == 5
    clean = torch.tensor(0.2 + 0.6 * camera()[60:316, 60:316] / 255, dtype=torch.float32)[None, None]
    spoilt = clean + 0.6 * SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
    chain, files = open_chain(f"denoise-learned:{tmp_path / 'out'}")
    assert len(files) == 1
    cleaned = enhance(spoilt, chain)
    assert (cleaned - clean).square().mean() < 0.5 * (spoilt - clean).square().mean()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "5 noisy pictures" in card and str(archive) not in card  # a folder's name may be a patient's


def test_it_learns_from_clean_pictures_for_noise_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    for name, pixels in {"rocket": rocket()[..., ::-1], "coins": coins()}.items():
        assert cv2.imwrite(str(tmp_path / "clean" / f"{name}.png"), pixels)
    wanted = job(tmp_path / "clean", tmp_path / "out", steps=150, start="none", every=75)
    run_training(wanted.model_copy(update={"clean": True}))
    source = np.random.default_rng(0)
    clean = camera()[100:356, 100:356, None] / 255
    chain, _ = open_chain(f"denoise-learned:{tmp_path / 'out'}")
    for kind, level in (("gaussian", 0.15), ("poisson", 20), ("rician", 0.12)):
        spoilt = torch.from_numpy(noisy(clean, kind, level, source)).permute(2, 0, 1)[None]
        made = enhance(spoilt, chain)[0].permute(1, 2, 0).numpy()
        before, after = (
            float(np.mean((unbiased(p, kind, level) - clean) ** 2)) for p in (spoilt[0].permute(1, 2, 0).numpy(), made)
        )
        assert after < 0.5 * before, kind
    assert "2 clean pictures" in (tmp_path / "out" / "README.md").read_text()
    assert (tmp_path / "out" / "samples" / "000150.png").exists()
    with pytest.raises(BadInput, match="holds a training with other settings"):
        run_training(wanted)


def test_training_killed_at_once_and_resumed_gives_the_same_weights(archive: Path, tmp_path: Path) -> None:
    run_training(job(archive, tmp_path / "undisturbed"))
    wanted = job(archive, tmp_path / "killed")
    train_until_killed(run_training, wanted, state=wanted.out / STATE)
    assert run_training(wanted).steps == 6
    once, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("undisturbed", "killed"))
    assert once.keys() == resumed.keys()
    assert all(torch.equal(once[name], resumed[name]) for name in once)


def test_file_that_cannot_be_read_is_not_named_and_one_that_is_gone_is_left_out(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").mkdir()
    shutil.copy(archive / "scan", tmp_path / "archive" / "Zzyquist")
    (tmp_path / "archive" / "gone").symlink_to(tmp_path / "nowhere")
    assert run_training(job(tmp_path / "archive", tmp_path / "out", steps=1)).pictures == 1

    def fails(storage: Storage, path: str) -> bytes:
        raise StorageError(f"{path}: storage failed") from OSError(path)

    monkeypatch.setattr(Storage, "read", fails)
    with pytest.raises(StorageError, match="its file at row 0 cannot be read") as failure:
        run_training(job(tmp_path / "archive", tmp_path / "out2", steps=1))
    assert "Zzyquist" not in str(failure.value)


def test_what_cannot_be_used_is_a_sentence(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere: no such folder"):
        run_training(job(tmp_path / "nowhere", tmp_path / "out"))
    (tmp_path / "blank").mkdir()
    assert cv2.imwrite(str(tmp_path / "blank" / "blank.png"), np.zeros((80, 80), np.uint8))
    with pytest.raises(BadInput, match="no picture with anything in it to learn from"):
        run_training(job(tmp_path / "blank", tmp_path / "out2"))
    with pytest.raises(BadInput, match=r"has no config\.json"):
        run_training(job(archive, tmp_path / "out3", start=str(tmp_path / "blank")))
    with pytest.raises(BadInput, match="--device gpu: torch finds no such device"):
        run_training(job(archive, tmp_path / "out4").model_copy(update={"device": "gpu"}))
    assert not (tmp_path / "out4").exists()
    run_training(job(archive, tmp_path / "out4", steps=2))
    with pytest.raises(BadInput, match="holds a training with other settings"):
        run_training(job(archive, tmp_path / "out4", steps=3))
