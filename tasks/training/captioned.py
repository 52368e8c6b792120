"""A captioned data set as training reads it, and the language model's features of its captions, kept on disk."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from models.checkpoint import save_tensors
from tasks.errors import BadInput

_COLUMNS = ["image", "caption", "language", "kind", "place", "sky", "concepts", "objects", "split"]
_A_FILE = 2048


class Encoder(Protocol):
    """The part of a text encoder that training needs."""

    name: str
    digest: str
    width: int

    def encode(self, texts: list[str]) -> list[Tensor]: ...


@dataclass(frozen=True)
class Captioned:
    """The rows of a data set folder, and the sprites of its concepts (concepts, 4, 128, 128)."""

    rows: list[dict[str, Any]]
    concepts: list[dict[str, str]]  # id, en, zh, kind
    sprites: Tensor

    def picture(self, row: int) -> Tensor:
        """(3, edge, edge) float32 in [0, 1]. Raises BadInput when the row's picture cannot be decoded."""
        try:
            image = Image.open(io.BytesIO(self.rows[row]["image"]["bytes"])).convert("RGB")
        except (OSError, TypeError) as error:
            raise BadInput(f"Row {row} of the data set has no readable picture ({error}): mend or remove it.") from None
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255


def read_captioned(folder: Path) -> Captioned:
    """Reads `concepts.parquet` and `pictures-*.parquet`. Raises BadInput when they are missing or not what they say."""
    paths = sorted(folder.glob("pictures-*.parquet"))
    if not paths or not (folder / "concepts.parquet").exists():
        raise BadInput(f"{folder} is no finished data set: make one with `imagemill dataset emoji --out {folder}`.")
    try:
        rows = [row for path in paths for row in pq.read_table(path, columns=_COLUMNS).to_pylist()]
        concepts = pq.read_table(folder / "concepts.parquet").to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"The data set {folder} cannot be read ({error}): make it again.") from None
    for i, row in enumerate(rows):
        if not row["caption"]:
            raise BadInput(f"Row {i} of the data set {folder} has no caption: give it one or remove it.")
    sprites = np.stack([np.asarray(Image.open(io.BytesIO(c["image"]["bytes"])).convert("RGBA")) for c in concepts])
    pixels = torch.from_numpy(sprites).permute(0, 3, 1, 2).float() / 255
    pixels[:, :3] *= pixels[:, 3:]
    return Captioned(rows, [{k: c[k] for k in ("id", "en", "zh", "kind")} for c in concepts], pixels)


class FeatureCache:
    """Features of texts by number, float16 as they lie on disk."""

    def __init__(self, paths: list[Path]) -> None:
        tokens, lengths = [], []
        for path in paths:
            with safe_open(path, "pt") as file:
                tokens.append(file.get_tensor("tokens"))
                lengths.append(file.get_tensor("lengths"))
        self.tokens = torch.cat(tokens)
        self.starts = F.pad(torch.cat(lengths).cumsum(0), (1, 0))

    def __getitem__(self, number: int) -> Tensor:
        """(tokens, width) float32."""
        return self.tokens[self.starts[number] : self.starts[number + 1]].float()

    def length(self, number: int) -> int:
        """How many tokens a text has."""
        return int(self.starts[number + 1] - self.starts[number])

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of every feature over all tokens but the first of each text.

        The first token's features are an outlier in a causal language model: it has nothing to attend to.
        """
        others = torch.ones(len(self.tokens), dtype=torch.bool)
        others[self.starts[:-1]] = False
        sample = self.tokens[others][::3].float()
        return sample.mean(0), sample.std(0).clamp(min=1e-4)


def cached_features(folder: Path, texts: list[str], encoder: Encoder, done: Callable[[int], None]) -> FeatureCache:
    """The features of the texts, in files of 2,048 under `folder`, those that are there already taken as they are.

    Calls `done` with how many texts are ready, so that a progress bar can follow.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, len(texts), _A_FILE):
        part = texts[start : start + _A_FILE]
        key = hashlib.sha256("\0".join([encoder.digest, *part]).encode()).hexdigest()[:16]
        paths.append(folder / f"features-{key}.safetensors")
        if not paths[-1].exists():
            rows = [row.half() for row in encoder.encode(part)]
            save_tensors(paths[-1], {"tokens": torch.cat(rows), "lengths": torch.tensor([len(r) for r in rows])})
        done(start + len(part))
    return FeatureCache(paths)
