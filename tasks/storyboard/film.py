"""The animatic: the panels one after the other, each with its line below and as long as that takes to say."""

import io
from typing import Literal

from PIL import Image

from tasks.layout.box import Box
from tasks.layout.fonts import FontFile
from tasks.runfolder.storage import Storage
from tasks.storyboard.board import Board, Shown
from tasks.storyboard.captions import put

AnimaticFormat = Literal["webp"]
REEL = 300  # panels of one file: a film's frames are in memory together
WIDTH = 640  # pixels of a frame
_BAR = 0.17  # height of the line's bar as a share of the width


def write_film(storage: Storage, board: Board, typeface: tuple[FontFile, ...], language: str) -> list[str]:
    """Writes `animatic.webp`, and `animatic-2.webp` and so on where there are more than `REEL` panels; their paths."""
    written, all_panels = [], list(board.panels())
    for number, start in enumerate(range(0, len(all_panels), REEL), 1):
        panels = all_panels[start : start + REEL]
        frames = [_frame(panel, storage, typeface, language) for panel in panels]
        seconds = [panel.row["seconds"] or 2.0 for panel in panels]
        out = io.BytesIO()
        frames[0].save(
            out, "WEBP", save_all=True, append_images=frames[1:], duration=[round(1000 * s) for s in seconds],
            loop=0, quality=80, method=2,
        )  # fmt: skip
        path = "animatic.webp" if number == 1 else f"animatic-{number}.webp"
        storage.write(path, out.getvalue())
        written.append(path)
    return written


def _frame(panel: Shown, storage: Storage, typeface: tuple[FontFile, ...], language: str) -> Image.Image:
    picture = panel.open(storage)
    high, bar = round(WIDTH * picture.height / picture.width), round(WIDTH * _BAR)
    frame = Image.new("RGB", (WIDTH, high + bar), (16, 16, 16))
    frame.paste(picture.resize((WIDTH, high), Image.Resampling.LANCZOS), (0, 0))
    row = panel.row
    spoken = row["dialogue"] is not None
    text = f"{row['speaker']}: {row['dialogue']}" if spoken else row["action"] or row["heading"]
    ink = (255, 255, 255) if spoken else (175, 175, 175)
    put(frame, text, Box(24, high + 8, WIDTH - 48, bar - 16), typeface, language, 22, ink, middle=True)
    return frame
