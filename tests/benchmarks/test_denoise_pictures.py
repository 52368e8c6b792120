"""The denoiser is judged by pictures that it was not made of."""

from pathlib import Path

from benchmarks.denoise_data import pictures
from benchmarks.denoise_pictures import gather
from tasks.training.data.noisy_patches import list_archive, read_patches


def test_no_picture_is_trained_on_and_measured_with(tmp_path: Path) -> None:
    gathered = {path.stem.removesuffix("_small") for path in gather(tmp_path / "pictures")}
    assert not gathered & set(pictures())


def test_every_gathered_picture_can_be_read(tmp_path: Path) -> None:
    gathered = gather(tmp_path / "pictures")
    archive = str(tmp_path / "pictures")
    found = read_patches(archive, list_archive(archive), 100, 64, 0, lambda done: None, clean=True)
    assert found.pictures == len(gathered)
