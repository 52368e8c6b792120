"""Everyday prompts in English and Chinese, painted by the default, with what it says of each: a sheet to look at.

    python -m benchmarks.match --sheet match.png

The prompts are in everyday.txt. Left of each pair: as the reader alone has it; right: held to the words.
"""

import math
from pathlib import Path

from cyclopts import run as command
from PIL import Image, ImageDraw
from torch import Tensor

from tasks.asked.read_asked import read_asked
from tasks.loading.models import load_encoder, load_generator
from tasks.text.preprocess import Prepared, PreprocessOptions, preprocess

TEXTS = Path(__file__).with_name("everyday.txt")
SHEET = Path("match.png")
EDGE, WIDTH, HEIGHT, COLUMNS = 128, 270, 170, 5


def main(*, sheet: Path = SHEET, texts: Path = TEXTS) -> None:
    """Prints match and notes of each text, and writes the sheet."""
    lines = texts.read_text("utf-8").splitlines()
    prepared = [one for one in preprocess(lines, PreprocessOptions()) if isinstance(one, Prepared)]
    asked = [read_asked(one) for one in prepared]
    generator = load_generator("default", "cpu")
    encoder = load_encoder(generator, "cpu")
    assert encoder is not None
    features = encoder.encode([one.encoder_text for one in prepared])
    seeds = range(1000, 1000 + len(prepared))
    alone = generator.generate(features, seeds, EDGE, EDGE)
    held = generator.generate(features, seeds, EDGE, EDGE, asked=asked)  # type: ignore[call-arg]
    canvas = Image.new("RGB", (COLUMNS * WIDTH, math.ceil(len(prepared) / COLUMNS) * HEIGHT), "white")
    draw = ImageDraw.Draw(canvas)
    for i, match in enumerate(generator.match(features, seeds, asked)):
        left, top = i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT
        canvas.paste(_picture(alone[i]), (left, top))
        canvas.paste(_picture(held[i]), (left + EDGE + 4, top))
        draw.text((left, top + EDGE + 4), f"{i + 1}: match {match.share:.2f}", fill="black")
        print(f"{i + 1:2}  {match.share:.2f}  {prepared[i].language:5}  {prepared[i].text}  {'; '.join(match.notes)}")
    canvas.save(sheet)


def _picture(pixels: Tensor) -> Image.Image:
    return Image.fromarray((pixels.permute(1, 2, 0) * 255).round().byte().numpy())


if __name__ == "__main__":
    command(main)
