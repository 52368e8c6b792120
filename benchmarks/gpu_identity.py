"""Whether pictures are the same bytes in any company: shards of other sizes, more in flight, in several processes."""

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.checkpoints import rendered
from benchmarks.gpu_report import Report
from benchmarks.prompts import write_prompts
from models.device import let_go
from models.generators.registry import load_generator
from tests.models.diffusers.checkpoints import build_pipeline

ROWS, SIZE = 48, 64
CHAINS = ("", "denoise:0.3,contrast:1.1")
WAYS: dict[str, dict[str, Any]] = {
    "alone": {"window": 1, "shard_size": 3},
    "in company": {"window": 6, "shard_size": 16},
    "two lanes": {"lanes": 2, "shard_size": 8},
}


def identity(report: Report, device: str, folder: Path) -> None:
    """Compares the files of every way with those of the first, as generated and enhanced on the device."""
    build_pipeline("sdxl").save_pretrained(folder / "tiny")
    write_prompts(folder / "prompts.parquet", ROWS, only_chinese=True)
    for chain in CHAINS:
        made: dict[str, dict[str, str]] = {}
        for way in WAYS:
            name = f"{chain or 'no filters'}, {way}"
            found = report.measure(["identity", name], partial(_differ, device, folder, chain, way, made))
            if found is not None and found["differ"]:
                report.content["identity"]["same bytes"] = False
    report.content["identity"].setdefault("same bytes", True)
    load_generator.cache_clear()
    let_go(device)


def _differ(device: str, folder: Path, chain: str, way: str, made: dict[str, dict[str, str]]) -> dict[str, int]:
    """Renders; how many pictures there are, and how many differ from the first way's."""
    options = {"width": SIZE, "height": SIZE, "steps": 2, "batch_size": 4, "enhance": chain, **WAYS[way]}
    out = folder / f"{chain} {way}"
    rendered(folder / "tiny", device, options, folder / "prompts.parquet", out)
    table = pq.read_table(out / "metadata", columns=["id", "sha256"])
    made[way] = dict(zip(table["id"].to_pylist(), table["sha256"].to_pylist(), strict=True))
    first = next(iter(made.values()))
    return {"pictures": len(made[way]), "differ": sum(first.get(id) != digest for id, digest in made[way].items())}
