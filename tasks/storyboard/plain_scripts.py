"""Scripts as Markdown and as a table.

## INT. LIGHTHOUSE - NIGHT          scene, heading, action, character, dialogue
The lamp goes out.                  1, 内景 灯塔 夜, 灯灭了。, 小满, 怎么回事？

**MAYA** (whispering): Who is there?
"""

import csv
import io
import re

from tasks.storyboard.heading import forced_heading, read_heading
from tasks.storyboard.script import Beat, Script

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_LINE = re.compile(
    r"^(?:>\s*|[-*]\s+)?(?P<star>\*\*|__)?(?P<name>[^*_:：(（]{1,40}?)\s*(?P=star)?\s*"
    r"(?:[*_]?[(（](?P<manner>[^)）]*)[)）][*_]?)?\s*(?P<star2>\*\*|__)?[:：](?:\*\*|__)?\s*(?P<line>.+)$"
)
_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(?P<fields>.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title:[ \t]*(?P<quote>[\"']?)(?P<title>.+?)(?P=quote)[ \t]*$", re.MULTILINE)
_UNDERLINED = re.compile(r"^(?![#>|*-])(?P<words>\S.*)\n(?P<line>=|-)(?P=line){2,}[ \t]*$", re.MULTILINE)
_MARKS = re.compile(r"(\*\*|__|\*|_|`)(?=\S)(.+?)(?<=\S)\1")
COLUMNS = {
    "heading": ("heading", "scene heading", "slug", "场景", "场次", "场"),
    "scene": ("scene", "number", "场号", "编号"),
    "action": ("action", "description", "shot description", "画面", "动作", "内容"),
    "character": ("character", "speaker", "name", "角色", "人物"),
    "dialogue": ("dialogue", "dialog", "line", "台词", "对白"),
    "manner": ("parenthetical", "manner", "情绪", "语气"),
}
"""What each column of a table may be called."""


def read_markdown(text: str, title: str) -> Script:
    """Headings are scenes, but for a first one that is the title; `**NAME**: ...` or `NAME: ...` is a line.

    Front matter (YAML between lines of `---`) gives its title and nothing else.
    """
    script = Script(title)
    front = _FRONT_MATTER.match(text)
    if front is not None:
        named = _TITLE.search(front["fields"])
        script.title, text = (named["title"] if named else title), text[front.end() :]
    text = _UNDERLINED.sub(lambda found: f"\n{'#' if found['line'] == '=' else '##'} {found['words']}\n", text)
    levels = [len(found[1]) for line in text.splitlines() if (found := _HEADING.match(line.strip()))]
    titled = len(levels) > 1 and levels[0] == 1 and levels.count(1) == 1
    for block in re.split(r"\n\s*\n|\n(?=\s*#)|(?<=\n)(?=\s*(?:>|[-*]\s|\*\*))", text):
        lines = [line.strip() for line in block.strip().splitlines()]
        while lines and (found := _HEADING.match(lines[0]) or _bare_heading(lines[0])):
            if titled:
                script.title, titled = found[2], False
            else:
                script.begin(forced_heading(found[2]))
            lines.pop(0)
        paragraph = " ".join(lines)
        if re.fullmatch(r"[-*_ ]*", paragraph):  # a rule, or nothing
            continue
        spoken = _LINE.match(paragraph)
        if spoken is not None and _names(spoken):
            script.add(Beat(_plain(spoken["line"]), _plain(spoken["name"]), _plain(spoken["manner"] or "")))
        else:
            script.add(Beat(_plain(paragraph.lstrip("> "))))
    return script


def read_table(text: str, title: str, delimiter: str) -> Script:
    """A row is an action, a line, or both. Raises ValueError if columns are missing."""
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = {(name or "").strip().casefold(): name for name in reader.fieldnames or []}
    columns = {ours: next((names[name] for name in theirs if name in names), None) for ours, theirs in COLUMNS.items()}
    if not (columns["action"] or columns["dialogue"]) or not (columns["heading"] or columns["scene"]):
        raise ValueError(
            "it needs a column heading or scene and a column action or dialogue; it has " + (", ".join(names) or "none")
        )
    script, last = Script(title), ("", "")
    for row in reader:
        cell = {ours: (row.get(name) or "").strip() if name else "" for ours, name in columns.items()}
        if not any(cell.values()):
            continue
        key = cell["scene"] or last[0], cell["heading"] or (last[1] if cell["scene"] in ("", last[0]) else "")
        if key != last or not script.scenes:
            script.begin(forced_heading(key[1] or key[0]))
            last = key
        script.add(Beat(cell["action"]))
        script.add(Beat(cell["dialogue"], cell["character"] or "", cell["manner"]))
    return script


def _bare_heading(line: str) -> re.Match[str] | None:
    """A heading without a mark before it."""
    return re.match(r"^()(.*)$", line) if read_heading(line.strip("*_ ")) is not None else None


def _names(spoken: re.Match[str]) -> bool:
    """Whether a line with a colon is somebody's: his name is bold, in capitals, or short and Chinese."""
    name = spoken["name"].strip()
    return bool(spoken["star"]) or name.isupper() or re.fullmatch(r"[\u3400-\u9fff·]{1,6}", name) is not None


def _plain(text: str) -> str:
    while _MARKS.search(text):
        text = _MARKS.sub(r"\2", text)
    return " ".join(text.strip("*_ ").split())
