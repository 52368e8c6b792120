"""The four scripts, of this project's own writing, and what they are cut into, a line for each panel."""

from collections.abc import Mapping
from pathlib import Path

from models import checkpoint
from models.weight_files import DEFAULT
from tasks.storyboard.characters import Card, cast
from tasks.storyboard.panels import cut
from tasks.storyboard.read import read_script
from tasks.storyboard.rows import storyboard_rows
from tasks.storyboard.script import Script
from tasks.storyboard.wording import is_chinese

FOLDER = Path(__file__).parent
SCRIPTS = ("lamp.fountain", "market.md", "lantern.txt", "moon.md")


def path_of(name: str) -> Path:
    return FOLDER / "scripts" / name


def things() -> dict[str, str]:
    """What the embedded model can show."""
    config = checkpoint.read_config(DEFAULT)
    return {english: chinese for _, english, chinese in config["concepts"][: config["coded"]]}


def rows_of(
    script: Script, known: Mapping[str, str], cards: Mapping[str, Card] | None = None
) -> list[dict[str, object]]:
    characters = cast(script, cards or {}, known)
    panels = cut(script, characters)
    chinese = is_chinese(panels[0].action)
    table = storyboard_rows(characters, panels, ((128, 128), (192, 128)), "", known, chinese, 0)
    return table.to_pylist()


def told(name: str) -> str:
    """A script's parse and panels as text."""
    script, _ = read_script(str(path_of(name)))
    lines = [f"# {script.title}"]
    for row in rows_of(script, things()):
        if row["panel"] == 1:
            lines += ["", str(row["heading"]) if row["scene"] else "characters"]
        line = f"{row['speaker']} ({row['manner']}): {row['dialogue']}" if row["dialogue"] else ""
        cells = (row["id"], row["shot"], row["seconds"] and f"{row['seconds']:g}", "+".join(row["cast"]), row["action"])  # type: ignore[arg-type]
        lines.append(" | ".join(str(cell or "") for cell in (*cells, line, f"<{row['text']}>")))
    return "\n".join(lines) + "\n"
