"""The plan of a storyboard: a script's panels as rows that `render` makes."""

import hashlib
import json
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.jobs.storyboard import StoryboardJob
from flows.plans.render import Plan
from tasks.loading.models import load_generator, usable
from tasks.prompts.prompt_files import find_input
from tasks.prompts.whole_input import Input
from tasks.runfolder.storage import Storage
from tasks.storyboard.captions import find_typeface
from tasks.storyboard.characters import cast, read_cards
from tasks.storyboard.panels import cut
from tasks.storyboard.read import read_script
from tasks.storyboard.rows import storyboard_rows
from tasks.storyboard.wording import is_chinese

_MULTIPLE = 64  # pixels, of a panel's edges by default


class StoryboardPlan(Plan):
    """What a storyboard has to do, planned without writing anywhere but to `spool`.

    Raises:
        BadInput: the job, its script or its characters cannot be used.
    """

    def __init__(self, board: StoryboardJob, spool: Path) -> None:
        self.board = board
        super().__init__(board.render_job(), spool)

    def _find_input(self, spool: Path) -> Input:
        board = self.board
        self.script, data = read_script(board.script)
        generator = load_generator(board.generator, board.device, board.acceleration)
        self.typeface = find_typeface(board.font) if board.animatic or board.pdf else ()
        self.cards = read_cards(Path(board.characters)) if board.characters else {}
        self.characters = cast(self.script, self.cards, generator.things)
        self.panels = cut(self.script, self.characters)
        wide = board.width or _multiple(generator.size * 4 / 3)
        high = board.height or _multiple(wide * 9 / 16)
        usable(partial(generator.check_size, wide, high))
        sizes = (generator.size, generator.size), (wide, high)
        self.table = storyboard_rows(
            self.characters,
            self.panels,
            sizes,
            board.style,
            generator.things,
            self.chinese,
            generator.references,
            board.panels,
        )
        return rows_as_input(self.table, board.script, data, spool, board.out)

    @cached_property
    def chinese(self) -> bool:
        """Whether the script is in Chinese."""
        return is_chinese(" ".join(beat.text for scene in self.script.scenes for beat in scene.beats))

    @cached_property
    def whole(self) -> bool:
        """Whether all panels are made, so that there is a page, a film and a PDF."""
        return not self.board.panels

    def record(self) -> dict[str, Any]:
        record = super().record()
        cards = {name: card.model_dump(exclude_defaults=True) for name, card in self.cards.items()}
        return record | {"flow": "storyboard", "job": record["job"] | self.board.own() | {"characters": cards}}

    def described(self) -> dict[str, Any]:
        described = super().described()
        told = ", ".join(f"{one.name} ({one.colour} {one.thing})".replace("( ", "(") for one in self.characters)
        panels = [row for row in self.table.select(["scene"]).to_pylist() if row["scene"]]
        scenes = len(self.script.scenes)
        return {
            "script": f"{self.script.title}, {scenes} scene{'s' if scenes != 1 else ''}",
            "panels": len(panels),
            "characters": told or "none",
            **{name: described[name] for name in ("encoder", "generator", "enhance", "output")},
        }


def rows_as_input(table: pa.Table, source: str, data: bytes, spool: Path, out: str) -> Input:
    """Rows that a flow made of a file, kept in the spool, as an input known by that file and the rows."""
    path = spool / "rows.parquet"
    pq.write_table(table, path)
    found = find_input(str(path), Storage(str(spool)), "text", out)
    known = json.dumps(table.to_pylist(), ensure_ascii=False).encode()
    digest = hashlib.sha256(known).hexdigest()
    name = source.rpartition("/")[2]
    sources = tuple(replace(one, name=source, label=name, fingerprint=digest, bytes=len(data)) for one in found.sources)
    return replace(found, sources=sources)


def _multiple(edge: float) -> int:
    return max(_MULTIPLE, round(edge / _MULTIPLE) * _MULTIPLE)
