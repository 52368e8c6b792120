"""Pastes a campaign's ads onto one sheet: `python examples/campaign_sheet.py RUN SHEET.jpg [SCALE] [PLACEMENT ...]`.

Every row of shelves is a product for an audience: all placements in all languages, packed by height.
"""

import sys
from pathlib import Path

import pandas as pd
from PIL import Image

WIDTH, GAP = 1200, 4


def shelves(pictures: list[Image.Image]) -> Image.Image:
    """The pictures side by side on shelves, the highest first."""
    placed, x, y, high = [], GAP, GAP, 0
    for picture in sorted(pictures, key=lambda picture: -picture.height):
        if x + picture.width + GAP > WIDTH:
            x, y, high = GAP, y + high + GAP, 0
        placed.append((picture, (x, y)))
        x, high = x + picture.width + GAP, max(high, picture.height)
    sheet = Image.new("RGB", (WIDTH, y + high + GAP), "white")
    for picture, place in placed:
        sheet.paste(picture, place)
    return sheet


def campaign_sheet(run: Path, scale: float, placements: list[str]) -> Image.Image:
    """All ads of a run folder, or those of some placements, at a scale."""
    metadata = pd.concat(pd.read_parquet(path) for path in sorted((run / "metadata").glob("*.parquet")))
    if placements:
        metadata = metadata[metadata["placement"].isin(placements)]
    parts = []
    for _, group in metadata.groupby(["product", "audience"], sort=False):
        pictures = [Image.open(run / name) for name in group["image"]]
        parts.append(shelves([p.resize((round(p.width * scale), round(p.height * scale)), 3) for p in pictures]))
    sheet = Image.new("RGB", (WIDTH, sum(part.height for part in parts)), "white")
    y = 0
    for part in parts:
        sheet.paste(part, (0, y))
        y += part.height
    return sheet


if __name__ == "__main__":
    made = campaign_sheet(Path(sys.argv[1]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.11, sys.argv[4:])
    made.save(sys.argv[2], quality=72, optimize=True)
