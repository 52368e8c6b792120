"""Paints the scenes and draws the things that `benchmarks.families_pack` packed, by all cores.

python -m benchmarks.families_paint .pack/scenes /dev/shm/f   # where features.safetensors is already
"""

import functools
import io
import json
import multiprocessing
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from cyclopts import run
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from models.generators.latent.things import Memory
from tasks.datasets.emoji.concepts import sprite_array
from tasks.datasets.emoji.scenes import Painter, Placed
from tasks.training.data.feature_cache import FeatureCache
from tasks.training.data.retrieved import differs, named_things

EDGE, DEVICE = 128, "cuda" if torch.cuda.is_available() else "cpu"


def _paint(chunk: list[dict[str, Any]], sprites: Path) -> np.ndarray:
    """Pictures (rows, 3, 128, 128) uint8."""
    painter, made = _painter(sprites), []
    for row in chunk:
        placed = [Placed(**one) for one in json.loads(row["objects"])]
        pixels = painter.paint(row["place"], row["sky"], placed, np.random.default_rng((0, 3, row["seed"])))
        made.append(pixels.transpose(2, 0, 1))
    return np.stack(made)


@functools.cache
def _painter(folder: Path) -> Painter:
    torch.set_num_threads(1)
    painter = Painter([])
    for row in pq.read_table(folder / "concepts.parquet", columns=["id", "image"]).to_pylist():
        sprite = Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGBA")
        painter.sprites[row["id"]] = torch.from_numpy(sprite_array(sprite))
    return painter


@functools.cache
def _memory() -> Memory:
    torch.set_num_threads(1)
    return Memory()


def _sheets(pairs: list[list[int]]) -> np.ndarray:
    """Sheets (pairs, 4, 128, 192) uint8 of things that a memory knows."""
    sheets = [_memory().sheet(concept, colour, EDGE) for concept, colour in pairs]
    return (torch.stack(sheets) * 255).round().to(torch.uint8).numpy()


def _batched(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def found(memory: Memory, features: FeatureCache) -> Tensor:
    """The things that each caption names, (captions, 4, 2)."""
    features.to(DEVICE)
    memory.model.reader.to(DEVICE)
    return named_things(memory, features)


def read_right(rows: list[dict[str, Any]], named: Tensor, memory: Memory) -> Tensor:
    """Of which rows the things found are those that the row tells, (rows,) bool."""
    numbers = {caption: i for i, caption in enumerate(dict.fromkeys(row["caption"] for row in rows))}
    ids, read = [concept[0] for concept in memory.model.config.concepts], named[:, :, 0].tolist()
    return torch.tensor([not differs(read[numbers[row["caption"]]], ids, row["concepts"]) for row in rows])


def main(scenes: Path, out: Path) -> None:
    """Paint; see the head of this file."""
    rows = pq.read_table(scenes / "rows.parquet").to_pylist()
    distinct = {row["seed"]: row for row in reversed(rows)}
    chunks = _batched(list(distinct.values()), 128)
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        painted = pool.map_async(partial(_paint, sprites=scenes), chunks, 1)
        memory = Memory()
        named = found(memory, FeatureCache([out / "features.safetensors"]))
        pairs, places = named.flatten(0, 1).unique(dim=0, return_inverse=True)
        known = pairs[pairs[:, 0] >= 0].tolist()
        drawn = pool.map(_sheets, _batched(known, 32), 1)
        pictures = torch.from_numpy(np.concatenate(painted.get()))
    nothing = torch.zeros(len(pairs) - len(known), 4, EDGE, EDGE * 3 // 2, dtype=torch.uint8)
    where = {seed: number for number, seed in enumerate(distinct)}
    right = read_right(rows, named, memory)
    tensors = {
        "pictures": pictures,
        "shown": torch.tensor([where[row["seed"]] for row in rows]),
        "sheets": torch.cat([nothing, torch.from_numpy(np.concatenate(drawn))]),
        "places": places.unflatten(0, (-1, 4)),
        "right": right,
    }
    save_file(tensors, out / "scenes.safetensors")
    (out / "rows.parquet").write_bytes((scenes / "rows.parquet").read_bytes())
    print(
        f"{len(pictures)} pictures of {len(rows)} captions, {right.float().mean():.1%} read right; {len(known)} things"
    )


if __name__ == "__main__":
    run(main)
