"""Packs what the latent families learn from for a machine with a GPU, no network and a bare Python: below 70 MB.

    python -m benchmarks.families_pack --out .pack --archives data/archives

Two folders that travel one after the other. `words`: the captions as token ids, and of Gemma (models/text/gemma.py) the
blocks that make features as the package has them, with the used rows of its embedding. `scenes`: what every picture is
to show, and the concepts' sprites. `benchmarks/families_encode.py` makes features of the first there, and
`benchmarks.families_gpu` paints the second and trains.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from cyclopts import run
from gguf import GGUFReader
from safetensors.torch import save_file
from torch import Tensor

from models.text import gemma
from models.text.text_encoder import MAX_TOKENS
from tasks.datasets.emoji.concepts import Concept, element_concepts, emoji_concepts, fetch_archives
from tasks.datasets.emoji.dataset import write_concepts
from tasks.datasets.emoji.rows import Row, colour_rows, phrase_rows, place_rows, scene_rows, single_rows, wording_rows


def rows_of(concepts: list[Concept], scenes: int, colours: int, phrases: int) -> list[Row]:
    """The rows of `imagemill dataset emoji`, in its order."""
    rows = [*single_rows(concepts, 0), *scene_rows(concepts, scenes, 0), *phrase_rows(concepts, phrases, 0)]
    return [*rows, *wording_rows(concepts, 0), *colour_rows(concepts, colours, 0), *place_rows(concepts, phrases, 0)]


def row_of(row: Row) -> dict[str, object]:
    """A row as the data set tells it, with its layout instead of its picture."""
    return {
        **{name: getattr(row, name) for name in ("caption", "language", "kind", "place", "sky", "split", "seed")},
        "says": list(row.says),
        "concepts": [concept.id for concept in row.asked],
        "objects": json.dumps([asdict(placed) for placed in row.placed]),
    }


def words_of(captions: list[str], gguf: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Token ids of the captions among those used, and the network's tensors as they are packed, with their types."""
    tokenize = gemma.load_tokenizer(gemma.prepare())
    ids = tokenize(captions, MAX_TOKENS)
    used, places = np.unique(np.concatenate([np.asarray(row) for row in ids]), return_inverse=True)
    tensors: dict[str, Tensor] = {
        "ids": torch.from_numpy(places.astype(np.uint16).view(np.int16)),
        "lengths": torch.tensor([len(row) for row in ids], dtype=torch.int16),
    }
    types = {"config": json.dumps(gemma.CONFIG)}
    for tensor in GGUFReader(gguf).tensors:
        name = gemma._name(tensor.name)
        if name is not None:
            packed = tensor.data[used] if name == "embed_tokens.weight" else tensor.data
            tensors[name] = torch.from_numpy(packed.copy())
            types[name] = tensor.tensor_type.name
    return tensors, types


def main(*, out: Path, archives: Path, scenes: int = 24_000, colours: int = 12_000, phrases: int = 3_200) -> None:
    """Pack; see the head of this file.

    Parameters
    ----------
    out
        A new folder.
    archives
        Where `imagemill dataset emoji` keeps the downloaded packages.
    """
    words, painted = out / "words", out / "scenes"
    words.mkdir(parents=True)
    painted.mkdir()
    concepts = emoji_concepts(*fetch_archives(archives))
    rows = rows_of(concepts, scenes, colours, phrases)
    pq.write_table(pa.Table.from_pylist([row_of(row) for row in rows]), painted / "rows.parquet", compression="zstd")
    write_concepts(painted, [*concepts, *element_concepts()])
    gguf = gemma._assemble(out)
    tensors, types = words_of(list(dict.fromkeys(row.caption for row in rows)), gguf)
    gguf.unlink()
    save_file(tensors, words / "words.safetensors", types)
    for folder in (words, painted):
        print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.1f} MB, {len(rows)} rows")


if __name__ == "__main__":
    run(main)
