"""Texts encoded per second: batched by imagemill, in a plain padded batch, and one by one.

    python -m benchmarks.encoding                       # gemma and minilm, 256 prompts, 3 rounds
    python -m benchmarks.encoding --texts 64 --rounds 1

`encode` is `LanguageModel.encode` on all texts; `padded 32` a plain loop over batches of 32 in input order, padded to
the longest; `one by one` the network on each unpadded text; `encode alone` is `LanguageModel.encode` on each text,
which pays for a whole chunk so that the features are the same bytes as in any batch. The ways take turns.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pandas as pd
import torch
from cyclopts import run
from rich.console import Console
from rich.table import Table

from benchmarks.prompts import write_prompts
from models.text.text_encoder import LanguageModel, load_text_encoder


def main(
    encoders: tuple[str, ...] = ("gemma", "minilm"), *, texts: int = 256, rounds: int = 3, threads: int = 2
) -> None:
    """Prints the table."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        write_prompts(Path(folder) / "prompts.parquet", texts)
        prompts = pd.read_parquet(Path(folder) / "prompts.parquet")["text"].tolist()
    table = Table(
        "encoder", "load, s", "tokens a text", *WAYS, title=f"texts a second, {threads} threads, {texts} texts"
    )
    for reference in encoders:
        encoder = load_text_encoder(reference)
        tokens = sum(map(len, encoder._tokenize(prompts, encoder.max_tokens))) / texts
        seconds: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(rounds):
            for name, way in WAYS.items():
                sample = prompts if name in {"encode", "padded 32"} else prompts[:: max(1, texts // 32)]
                start = time.perf_counter()
                way(encoder, sample)
                seconds[name].append((time.perf_counter() - start) / len(sample))
        rates = [f"{1 / median(taken):.1f}" for taken in seconds.values()]
        table.add_row(reference, f"{median(_load(reference) for _ in range(rounds)):.1f}", f"{tokens:.1f}", *rates)
    Console().print(table)


def _load(reference: str) -> float:
    """Seconds that a new process takes for imports and loading the encoder."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "models.text.text_encoder", reference], check=True)
    return time.perf_counter() - start


def _plain(encoder: LanguageModel, texts: Sequence[str], size: int) -> None:
    for start in range(0, len(texts), size):
        rows = encoder._tokenize(texts[start : start + size], encoder.max_tokens)
        length = max(map(len, rows))
        with torch.inference_mode():
            ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
            mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
            encoder._network(input_ids=ids, attention_mask=mask)


def _alone(encoder: LanguageModel, texts: Sequence[str]) -> None:
    for text in texts:
        encoder.encode([text])


WAYS: dict[str, Callable[[LanguageModel, Sequence[str]], object]] = {
    "encode": lambda encoder, texts: encoder.encode(texts),
    "padded 32": lambda encoder, texts: _plain(encoder, texts, 32),
    "one by one": lambda encoder, texts: _plain(encoder, texts, 1),
    "encode alone": _alone,
}

if __name__ == "__main__":
    run(main)
