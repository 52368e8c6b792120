"""The board for print: A4 across, six panels a page, with heading, action and line below each."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from tasks.layout.box import Box
from tasks.layout.fonts import FontFile
from tasks.runfolder.storage import Storage
from tasks.storyboard.board import Board, Shown
from tasks.storyboard.captions import put

FILE = "storyboard.pdf"
DOTS = 150  # an inch
PAGE = 1754, 1240  # A4 across at 150 dots an inch
COLUMNS, ROWS = 3, 2
_MARGIN, _GAP, _HEAD = 70, 36, 56
_GREY = 110, 110, 110


def write_pdf(storage: Storage, board: Board, typeface: tuple[FontFile, ...], language: str) -> str:
    """Writes `storyboard.pdf`, a page at a time; its path. The text is drawn, not to be searched."""
    with tempfile.TemporaryDirectory(prefix="imagemill-") as folder:
        path = Path(folder) / FILE
        for number, page in enumerate(_pages(storage, board, typeface, language)):
            page.save(
                path, "PDF", resolution=DOTS, append=number > 0, title=board.title, quality=88,
                creationDate=time.gmtime(0), modDate=time.gmtime(0),
            )  # fmt: skip
        storage.write(FILE, path.read_bytes())
    return FILE


def _pages(storage: Storage, board: Board, typeface: tuple[FontFile, ...], language: str) -> Iterator[Image.Image]:
    panels = list(board.panels())
    for start in range(0, len(panels), COLUMNS * ROWS):
        page = Image.new("RGB", PAGE, "white")
        head = Box(_MARGIN, 30, PAGE[0] - 2 * _MARGIN, _HEAD - 10)
        put(page, board.title, head, typeface, language, 26)
        number = f"{start // (COLUMNS * ROWS) + 1} / {-(-len(panels) // (COLUMNS * ROWS))}"
        put(page, number, Box(PAGE[0] - _MARGIN - 90, 34, 90, 30), typeface, language, 18, _GREY)
        width = (PAGE[0] - 2 * _MARGIN - (COLUMNS - 1) * _GAP) // COLUMNS
        height = (PAGE[1] - _MARGIN - _HEAD - 40 - (ROWS - 1) * _GAP) // ROWS
        for place, panel in enumerate(panels[start : start + COLUMNS * ROWS]):
            x = _MARGIN + place % COLUMNS * (width + _GAP)
            y = _HEAD + 40 + place // COLUMNS * (height + _GAP)
            _draw(page, panel, Box(x, y, width, height), storage, typeface, language)
        yield page


def _draw(
    page: Image.Image, panel: Shown, box: Box, storage: Storage, typeface: tuple[FontFile, ...], language: str
) -> None:
    row, picture = panel.row, panel.open(storage)
    high = min(round(box.width * picture.height / picture.width), box.height * 3 // 5)
    wide = min(box.width, round(high * picture.width / picture.height))
    left = box.x + (box.width - wide) // 2
    page.paste(picture.resize((wide, high), Image.Resampling.LANCZOS), (left, box.y))
    ImageDraw.Draw(page).rectangle((left, box.y, left + wide - 1, box.y + high - 1), outline=(0, 0, 0), width=2)
    y = box.y + high + 10
    told = f"{row['id']}   {row['shot']}   {row['seconds']:g} s   {row['heading']}"
    line = f"{row['speaker']}: {row['dialogue']}" if row["dialogue"] is not None else ""
    texts = (
        (told, 16, _GREY, 40),
        (panel.error or row["action"] or "", 20, (30, 30, 30), 80),
        (line, 20, (0, 0, 0), 90),
    )
    for text, size, colour, most in texts:
        room = Box(box.x, y, box.width, min(most, box.bottom - y))
        high = put(page, text, room, typeface, language, size, colour)
        y += high + 12 if high else 0
