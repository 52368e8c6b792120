"""The benchmark for a GPU, with tiny networks on the CPU: every part leaves figures, and a failure only its reason."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers")

from benchmarks.gpu import main
from benchmarks.gpu_report import Report


def fails() -> None:
    raise ValueError("no kernel\nfor this")


def test_what_fails_is_told_and_the_rest_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    report = Report(file, "cpu", seconds=60)

    def part() -> None:
        assert report.measure(["first", "a", "fails"], fails) is None
        assert json.loads(file.read_text())["first"]["a"]["fails"]["error"] == "no kernel for this"
        assert report.measure(["first", "a", "works"], lambda: {"rate": 2.5}) == {"rate": 2.5}

    report.part("first", 60, part)
    report.part("second", 60, fails)
    report.part("third", 0, lambda: print(report.measure(["third", "late"], lambda: {"rate": 1.0})))
    found = json.loads(file.read_text())
    assert found["first"]["a"]["works"] == {"rate": 2.5}
    assert "in fails" in found["first"]["a"]["fails"]["traceback"]
    assert found["second"]["error"] == "no kernel for this"
    assert found["third"]["late"] == {"left out": "no time left"}
    assert set(found["seconds"]) == {"first", "second", "third"}
    assert found["machine"]["cores"] >= 1


def leaves(content: dict[str, Any]) -> list[str]:
    """The names at every depth."""
    below = [leaves(value) for value in content.values() if isinstance(value, dict)]
    return [*content, *(name for names in below for name in names)]


@pytest.mark.slow
def test_every_part_leaves_figures(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    arguments = ["--out", str(file), "--device", "cpu", "--seconds", "0.1", "--only", "table,texts,training"]
    subprocess.run([sys.executable, "-m", "benchmarks.gpu", *arguments], check=True, capture_output=True)
    found = json.loads(file.read_text())
    assert not {"error", "left out"} & set(leaves(found))
    ways = [figures for name, case in found["table"].items() if "seconds" not in name for figures in case.values()]
    assert len(ways) == 9
    assert all(way["pictures_a_second"] > 0 and way["pictures"] >= 2 for way in ways)
    assert 0 < found["table"]["Sana 1.6B 1024 px, 4 steps, batch 8"]["flow"]["painting"] <= 1
    assert all(way["texts_a_second"] > 0 for way in found["texts"].values())
    assert set(found["training"]) == {"autoencoder", "gan", "flow", "vae", "judge", "denoiser"}
    assert all(family["loads"] and family["steps"] >= 3 for family in found["training"].values())


def test_an_unknown_part_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match="--only tabel: there is no such part; choose of identity, table, texts, training, op"
    ):
        main(out=tmp_path / "gpu.json", only="tabel,texts")
