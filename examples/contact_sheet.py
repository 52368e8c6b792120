"""Pastes a run's pictures onto one sheet: `python examples/contact_sheet.py RUN SHEET.png [COLUMNS]`."""

import sys
from pathlib import Path

import pandas as pd
from PIL import Image

GAP = 4


def contact_sheet(run: Path, columns: int) -> Image.Image:
    """The pictures of a run folder of the layout `files` and one size, in the order of the input."""
    metadata = pd.concat(pd.read_parquet(path) for path in sorted((run / "metadata").glob("*.parquet")))
    pictures = [Image.open(run / name) for name in metadata["image"]]
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (GAP + i % columns * (width + GAP), GAP + i // columns * (height + GAP)))
    return sheet


if __name__ == "__main__":
    contact_sheet(Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 9).save(sys.argv[2], optimize=True)
