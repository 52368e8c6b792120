"""A generator that somebody adds: a class that answers the protocol and an entry in the registry, nothing else."""

import ast
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from models.fixed_batches import BatchLimit
from models.generators import registry
from models.protocols import EncodeNegative, Generator, TextEncoder
from tests.integration.runs import Outcome, table

Mill = Callable[..., Outcome]
ROOT = Path(__file__).parents[2]


class Lengths(TextEncoder):
    """A text's features are its length, those of a negative text too."""

    name, digest, cache_key = "lengths", "1" * 64, "lengths"

    def __init__(self) -> None:
        self.limit = BatchLimit(4)
        self.encoded: list[str] = []
        self.held = 0

    def ready(self) -> None:
        self.held = 1

    def release(self) -> None:
        self.held = 0

    def encode(self, texts: Sequence[str]) -> list[dict[str, Tensor]]:
        assert self.held
        self.encoded += texts
        return [{"length": torch.tensor([len(text)])} for text in texts]

    @property
    def encode_negative(self) -> EncodeNegative:
        return lambda texts: [{"negative": torch.tensor([len(text or "")])} for text in texts]

    def cuts(self, texts: Sequence[str]) -> list[bool]:
        return [len(text) > 9 for text in texts]


class Grey(Generator):
    """Plain greys: the lengths of text and negative text, steps, guidance and seed, each in a stripe of its own."""

    name, digest, size, encoder = "grey", "2" * 64, 20, None
    defaults = {"steps": 3, "guidance": 1.5, "negative_text": None}  # noqa: RUF012
    parts = {"stripes": "3" * 64}  # noqa: RUF012
    fixed_batch = True

    def __init__(self) -> None:
        self.own_encoder = Lengths()
        self.calls: list[int] = []

    def batch_key(self, features: Any, steps: int | None, guidance: float | None) -> Any:
        return steps

    def check_size(self, width: int, height: int) -> None:
        if height % 5:
            raise ValueError(f"grey makes no stripes of {height} pixels: give multiples of 5.")

    def generate(
        self,
        features: Sequence[dict[str, Tensor]],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
    ) -> Tensor:
        self.calls.append(len(seeds))
        assert steps is not None and len(features) == len(guidance) == len(seeds)
        rows = zip(features, seeds, guidance, strict=True)
        stripes = [[int(f["length"]), int(f["negative"]), steps, 10 * (scale or 0), seed] for f, seed, scale in rows]
        return (
            (torch.tensor(stripes) / 255).repeat_interleave(height // 5, 1)[:, None, :, None].expand(-1, 3, -1, width)
        )


@pytest.fixture
def grey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Grey]:
    """A checkpoint folder of the new family, and the generator that it loads as."""
    made = Grey()
    registry.load_generator.cache_clear()
    monkeypatch.setitem(registry.FAMILIES, "grey", lambda folder, device, name: made)
    (tmp_path / "grey").mkdir()
    (tmp_path / "grey" / "config.json").write_text('{"family": "grey", "format": 1}')
    return tmp_path / "grey", made


def test_a_generator_needs_the_protocol_alone(grey: tuple[Path, Grey], tmp_path: Path, imagemill: Mill) -> None:
    folder, made = grey
    rows = [
        {"id": "a", "text": "a cat", "seed": 1, "negative_text": "rain", "guidance": 2.0, "steps": 3},
        {"id": "b", "text": "a house", "seed": 2, "negative_text": None, "guidance": None, "steps": None},
        {"id": "c", "text": "a long street", "seed": 3, "negative_text": None, "guidance": None, "steps": 7},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "prompts.parquet")
    run = tmp_path / "run"
    more = ["--generator", folder, "--batch-size", 4, "--phase", "split", "--keep-features", tmp_path / "features"]
    outcome = imagemill("render", tmp_path / "prompts.parquet", "--out", run, "--no-report", *more)
    assert outcome.code == 0, outcome.err

    images = {row["id"]: row for row in table(str(run), "metadata").to_pylist()}
    assert {name: stripes(run / row["image"]) for name, row in images.items()} == {
        "a": [5, 4, 3, 20, 1], "b": [7, 0, 3, 15, 2], "c": [13, 0, 7, 15, 3],
    }  # fmt: skip
    assert {name: row["text_cut"] for name, row in images.items()} == {"a": False, "b": False, "c": True}
    assert made.calls == [4, 4]  # rows of equal steps together, each batch filled up
    assert made.own_encoder.held == 0  # they took turns
    record = json.loads((run / "run.json").read_text())
    assert record["encoder"] == {"name": "lengths", "digest": "1" * 64}
    assert record["generator"] == {"name": "grey", "digest": "2" * 64, "parts": {"stripes": "3" * 64}}

    made.own_encoder.encoded.clear()
    again = imagemill("render", tmp_path / "prompts.parquet", "--out", tmp_path / "again", "--no-report", *more)
    assert again.code == 0, again.err
    assert made.own_encoder.encoded == []  # its features were kept
    imagemill("render", tmp_path / "prompts.parquet", "--out", run, "--generator", folder, "--height", 21).refused(
        "grey makes no stripes of 21 pixels"
    )


def stripes(file: Path) -> list[int]:
    """One value of each stripe."""
    from PIL import Image

    with Image.open(file) as image:
        return [image.getpixel((0, row))[0] for row in range(0, 20, 4)]  # type: ignore[index]


@pytest.mark.parametrize("room", ["flows", "tasks"])
def test_the_pipeline_asks_no_generator_what_class_it_is(room: str) -> None:
    kinds = re.compile(r"(Generator|Encoder|LanguageModel)\b")
    for file in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
                asked = ast.unparse(node.args[1])
                assert not kinds.search(asked), f"{file}: isinstance of {asked}"
