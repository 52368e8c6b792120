"""The families train and are judged from what was packed for a machine with a GPU; here on tensors made up."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from benchmarks import families_gpu
from benchmarks.families_data import EDGE, opened

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve captions of six pictures, of which one is misread and eight are held out."""
    folder = tmp_path_factory.mktemp("packed")
    torch.manual_seed(0)
    rows = [
        {"caption": f"a red dog {n}", "language": "en", "kind": "name" if n == 9 else "scene",
         "place": "beach", "sky": "sunny",
         "split": "test" if n < 8 else "train", "seed": n, "says": ["place"], "concepts": ["1F415"],
         "objects": json.dumps([{"concept": "1F415", "slot": 8, "x": 0.5, "foot": 0.8, "size": 0.4, "colour": "red"}])}
        for n in range(12)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    save_file({"tokens": torch.randn(36, 640).half(), "lengths": torch.full((12,), 3)}, folder / "features.safetensors")
    scenes = {
        "pictures": torch.randint(0, 256, (6, 3, EDGE, EDGE), dtype=torch.uint8),
        "shown": torch.arange(12) // 2,
        "sheets": torch.randint(0, 256, (2, 4, EDGE, EDGE * 3 // 2), dtype=torch.uint8),
        "places": torch.tensor([[1, 0, 0, 0]] * 12),
        "right": torch.arange(12) != 11,
    }
    save_file(scenes, folder / "scenes.safetensors")
    return folder


def test_what_was_misread_is_not_learned_from(packed: Path) -> None:
    _, pictures, _ = opened(packed)
    assert pictures.train.tolist() == [8, 9, 10]


def test_a_family_trains_and_is_judged(packed: Path, tmp_path: Path) -> None:
    families_gpu.train("autoencoder", packed, tmp_path, seconds=1, batch=2, width=64, layers=1, steps=2, pictures=2)
    families_gpu.evaluate(packed, tmp_path, "autoencoder", names=1, scenes=4)
    figures = json.loads((tmp_path / "evaluation/autoencoder/figures.json").read_text())
    assert figures["pixels"] == EDGE
    assert 0 <= figures["composition, all"] <= 1
