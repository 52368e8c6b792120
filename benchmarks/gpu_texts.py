"""How fast texts are encoded: by the flow's encode stage, and by the encoder itself in batches of several sizes."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.checkpoints import rendered
from benchmarks.gpu_report import Report
from benchmarks.prompts import write_prompts
from benchmarks.real_size import base_dtype, write_text_checkpoint
from models.device import let_go
from models.diffusers.options import Acceleration
from models.fixed_batches import BatchLimit
from models.generators.registry import load_generator

BATCHES = (16, 64, 256)
SIZE = 64  # pixels: the pictures are beside the point


def texts(report: Report, device: str, rows: int, folder: Path) -> None:
    """Measures texts a second with SDXL's two text encoders."""
    checkpoint, prompts = folder / "texts", folder / "texts.parquet"
    write_text_checkpoint(checkpoint, device)
    write_prompts(prompts, rows, only_chinese=True)
    for batch in BATCHES:
        report.measure(["texts", f"bare, batches of {batch}"], partial(bare, checkpoint, prompts, device, batch))
    report.measure(["texts", "flow"], partial(flow, checkpoint, prompts, device))
    load_generator.cache_clear()
    let_go(device)


def bare(checkpoint: Path, prompts: Path, device: str, batch: int) -> dict[str, Any]:
    """The encoder alone, on the distinct texts."""
    generator = load_generator(str(checkpoint), device, Acceleration(dtype=base_dtype(device)))
    encoder = generator.own_encoder
    assert encoder is not None
    found = list(pd.read_parquet(prompts, columns=["text"])["text"].unique())
    own, encoder.limit = encoder.limit, BatchLimit(batch)
    try:
        encoder.encode(found[:batch])
        began = time.perf_counter()
        encoder.encode(found)
        took = time.perf_counter() - began
    finally:
        encoder.limit = own
    return {"texts_a_second": len(found) / took, "texts": len(found), "seconds": took, "own batch": own.size}


def flow(checkpoint: Path, prompts: Path, device: str) -> dict[str, Any]:
    """`imagemill render` with a denoiser of next to no size; its encode stage alone counts."""
    options = {"width": SIZE, "height": SIZE, "steps": 1, "guidance": 1.0, "batch_size": 32, "layout": "dummy"}
    few = prompts.with_name("few-texts.parquet")
    write_prompts(few, 32, seed=1, only_chinese=True)
    rendered(checkpoint, device, options, few, prompts.with_name("few texts"))
    done = rendered(checkpoint, device, options, prompts, prompts.with_name("all texts"))
    distinct, encoding = pd.read_parquet(prompts, columns=["text"])["text"].nunique(), done.seconds["encode"]
    return {"texts_a_second": distinct / encoding, "texts": distinct, "seconds": encoding, "run": done.seconds_run}
