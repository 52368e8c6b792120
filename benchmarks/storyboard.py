"""Whether characters stay what they are in a storyboard of the embedded model, as the judge sees it.

    python -m benchmarks.storyboard                         # the four scripts of the tests
    python -m benchmarks.storyboard my.fountain

Every script becomes a run. The judge, which never read a prompt, looks at each card and panel (of a wide one, at five
square windows) for each character that it shows: is its thing there, and in its colour?
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from cyclopts import run as command
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from flows.engine import local_server
from models.judge.model import Judge, load_judge
from tasks.loading.models import load_generator
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table
from tasks.storyboard.characters import Character, cast
from tasks.storyboard.read import read_script

SCRIPTS = sorted(Path(__file__).parents[1].glob("tests/tasks/storyboard/scripts/*"))
WINDOWS = 5
AGED = {"old man", "old woman"}  # whom the judge knows as one


def seen_by(judge: Judge, names: dict[str, str], picture: Tensor) -> set[tuple[str, str]]:
    """Things and their colours ("" for their own) that the judge sees in a picture (3, h, w) in [0, 1]."""
    _, height, width = picture.shape
    starts = sorted({round(i * (width - height) / (WINDOWS - 1)) for i in range(WINDOWS)}) if width > height else [0]
    windows = torch.stack([picture[:, :, x : x + height] for x in starts])
    with torch.inference_mode():
        things = [thing for of_window in judge.things(judge(windows)) for thing in of_window]
    colours = judge.config.colours
    return {
        (names.get(judge.config.concepts[t.concept], ""), colours[t.colour] if t.colour >= 0 else "") for t in things
    }


def recognised(character: Character, seen: set[tuple[str, str]]) -> tuple[bool, bool]:
    """Whether a character's thing was seen, and whether in its colour."""
    named = {(n, c) for n, c in seen if character.thing in n or (character.thing in AGED and n == "older person")}
    return bool(named), any(colour == character.colour for _, colour in named)


def main(*scripts: Path) -> None:
    """Prints the table."""
    local_server.configure()
    from flows.jobs.storyboard import StoryboardJob
    from flows.storyboard import storyboard

    local_server.wait_for_server()
    generator, judge = load_generator("default", "cpu"), load_judge()
    names = {concept[0]: concept[1] for concept in generator.model.config.concepts}  # type: ignore[attr-defined]
    table = Table("script", "characters shown", "right thing", "in its colour")
    total = np.zeros(3, int)
    for script in scripts or SCRIPTS:
        characters = {one.name: one for one in cast(read_script(str(script))[0], {}, generator.things)}  # type: ignore[attr-defined]
        found = np.zeros(3, int)
        with tempfile.TemporaryDirectory() as folder:
            storyboard(StoryboardJob(script=str(script), out=folder))
            out = Storage(folder)
            for row in (row for file in out.list("metadata") for row in read_table(out, file).to_pylist()):
                with Image.open(Path(folder, row["image"])) as image:
                    pixels = np.asarray(image.convert("RGB"), np.float32) / 255
                seen = seen_by(judge, names, torch.from_numpy(pixels).permute(2, 0, 1))
                for name in (row["cast"] or [])[:3]:
                    found += [1, *recognised(characters[name], seen)]
        total += found
        table.add_row(script.name, *map(str, found))
    table.add_row("all", *map(str, total))
    Console().print(table)
    print(f"right thing in its colour: {total[2] / total[0]:.1%}")


if __name__ == "__main__":
    command(main)
