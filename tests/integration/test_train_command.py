"""The command that trains: a real encoder, a real Prefect run, and what its page shows."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from models.generators.registry import load_generator
from tests.integration.runs import with_own_server
from tests.tiny import write_tiny

pytestmark = pytest.mark.slow


def train(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows", "train", *arguments],
        env={**with_own_server(home), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_training_shows_progress_samples_and_figures_and_its_checkpoint_renders(tmp_path: Path) -> None:
    write_tiny(tmp_path / "dataset", scenes=4)
    out = tmp_path / "out"
    size = ["--size", "32", "--width", "64", "--layers", "1", "--batch", "4", "--pictures", "2", "--steps", "2"]
    done = train(
        "autoencoder", str(tmp_path / "dataset"), "--out", str(out), "--encoder", "minilm", *size, home=tmp_path / "p"
    )
    assert done.returncode == 0, done.stderr
    assert "2 steps; the checkpoint is in" in done.stdout
    assert "reconstruction, dB" in done.stdout
    assert load_generator(str(out)).encoder == "minilm"
    assert "`imagemill train autoencoder dataset --encoder minilm" in (out / "README.md").read_text()
    with sqlite3.connect(tmp_path / "p" / "prefect.db") as database:
        shown = {key for (key,) in database.execute("select key from artifact")}
    assert {"imagemill-progress", "imagemill-samples", "imagemill-validation"} <= shown
    held = train("autoencoder", str(tmp_path / "dataset"), "--out", str(tmp_path / "held"), "--encoder", "minilm",
        "--cache", str(out / "config.json"), home=tmp_path / "p")  # fmt: skip
    assert held.returncode == 2
    assert held.stderr.strip().splitlines()[-1] == (
        f"imagemill: {out / 'config.json'}: a file stands where a folder is wanted; name another."
    )
    refused = train(
        "gan", str(tmp_path / "dataset"), "--out", str(tmp_path / "gan"), "--from", str(out), home=tmp_path / "p"
    )
    assert refused.returncode == 2
    assert refused.stderr.strip().splitlines()[-1] == (
        f"imagemill: --from: {out} holds a model of the family 'autoencoder', not 'gan'."
    )
