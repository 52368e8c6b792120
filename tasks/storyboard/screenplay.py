"""Screenplays: Fountain and Final Draft (FDX), parsed by screenplay-tools.

Its Fountain parser knows English headings and capital letters. Chinese ones are put in Fountain's own forced marks
before: `内景 灯塔 夜` becomes a forced heading, `小满：你好` a character and a line.
"""

import re
import xml.etree.ElementTree as ET

from screenplay_tools.fdx.parser import Parser as FdxParser
from screenplay_tools.fountain.parser import Parser as FountainParser
from screenplay_tools.screenplay import ElementType

from tasks.storyboard.heading import forced_heading, read_heading
from tasks.storyboard.script import Beat, Script

_COLON_LINE = re.compile(
    r"^\s*@?(?P<name>[\u3400-\u9fff·]{1,8})\s*(?:[(（](?P<manner>[^)）]*)[)）])?\s*[：:]\s*(?P<line>.*\S)\s*$"
)
# A name in Latin letters before a Chinese colon; `CUT TO：` is a transition.
_LATIN_COLON_LINE = re.compile(
    r"^\s*@?(?!.*\b(?:TO|IN|OUT)\s*：)(?P<name>[A-Z][A-Za-z.'’ -]{0,30}?)\s*(?:[(（](?P<manner>[^)）]*)[)）])?\s*：\s*"
    r"(?P<line>.*\S)\s*$"
)
_CHINESE_CUE = re.compile(r"^\s*@(?P<name>[^\s(（:：]+)\s*(?:[(（](?P<extension>[^)）]*)[)）])?\s*$")
_MARK = "\ue000"
"""Begins a forced heading that stands for a line which Fountain would not take for one."""
_EMPHASIS = re.compile(r"(?<!\\)(\*{1,3}|_)(?=\S)(.+?)(?<=\S)\1")
_NOTE = re.compile(r"\[\[\d+\]\]|/\*\d+\*/")
_BONEYARD = re.compile(r"/\*.*?\*/", re.DOTALL)
_NOT_SHOWN = re.compile(r"Cast List|New Act|End of Act|Outline .*")
"""Types of Final Draft's paragraphs that tell of the script, not of what is seen."""


def read_fountain(text: str, title: str) -> Script:
    """A Fountain script."""
    headings: list[str] = []
    parser = FountainParser()
    text = _BONEYARD.sub("", text)  # before all else: it may hold headings, and the parser leaves a mark of some
    parser.add_text("\n".join(_forced(line, headings) for line in text.splitlines()))
    return _script(parser.script, title, headings)


def read_fdx(text: str, title: str) -> Script:
    """A Final Draft script. Raises ValueError if it is none."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares a document type, which no Final Draft file does")
    try:
        root = ET.fromstring(re.sub(r"<\?xml.*?\?>", "", text).strip())
    except ET.ParseError as error:
        raise ValueError(f"it is no XML ({error})") from error
    if root.tag != "FinalDraft":
        raise ValueError("its outermost element is not FinalDraft")
    return _script(FdxParser().parse(ET.tostring(_plain_paragraphs(root), "unicode")), title, [])


def _plain_paragraphs(root: ET.Element) -> ET.Element:
    """The script's paragraphs as the parser takes them: it reads the first run of a paragraph and none side by side.

    A shot is an action, as it is in Fountain: it begins no scene.
    """
    flat = ET.Element("FinalDraft")
    content = ET.SubElement(flat, "Content")
    for outer in root.iterfind("Content/Paragraph"):
        for paragraph in outer.findall("DualDialogue/Paragraph") or [outer]:
            kind = paragraph.get("Type", "Action")
            if not _NOT_SHOWN.fullmatch(kind):
                made = ET.SubElement(content, "Paragraph", Type="Action" if kind == "Shot" else kind)
                runs = ("".join(run.itertext()) for run in paragraph.findall("Text"))
                ET.SubElement(made, "Text").text = "".join(runs)
    return flat


def _forced(line: str, headings: list[str]) -> str:
    """The line as Fountain takes it."""
    forced = line.strip().startswith(".") and not line.strip().startswith("..")
    if forced or read_heading(line) is not None:
        headings.append(line.strip().removeprefix(".") if forced else line.strip())
        return f"\n.H{_MARK}{len(headings) - 1}\n"
    cue = _CHINESE_CUE.match(line)
    if cue is not None:
        return f"\n@{cue['name']}" + (f" ({cue['extension']})" if cue["extension"] else "")
    spoken = _COLON_LINE.match(line) or _LATIN_COLON_LINE.match(line)
    if spoken is not None:
        manner = f"({spoken['manner']})\n" if spoken["manner"] else ""
        return f"\n@{spoken['name']}\n{manner}{spoken['line']}\n"
    return line


def _script(parsed: object, title: str, headings: list[str]) -> Script:
    entries = {entry.key.lower(): entry.text for entry in getattr(parsed, "titleEntries", [])}
    script = Script(_plain(entries.get("title", "")) or title)
    speaker, manner = "", ""
    for element in parsed.elements:  # type: ignore[attr-defined]
        text = _plain(element.text)
        if element.type == ElementType.HEADING:
            known = re.match(rf"^H{_MARK}(\d+)$", text)
            heading = re.sub(r"\s*#[\w.-]+#\s*$", "", headings[int(known[1])] if known else text)
            if not heading.upper().startswith("FADE IN"):
                script.begin(forced_heading(heading))
        elif element.type == ElementType.CHARACTER:
            speaker, manner = _plain(element.name), _plain(element.extension or "")
        elif element.type == ElementType.PARENTHETICAL:
            manner = text
        elif element.type in (ElementType.DIALOGUE, ElementType.LYRIC):
            script.add(Beat(text, speaker, manner if speaker else ""))
            manner = ""
        elif element.type == ElementType.ACTION and not element.centered:  # centred are titles: THE END
            speaker = ""
            for paragraph in re.split(r"\n\s*\n", _NOTE.sub("", element.text)):
                script.add(Beat(_plain(paragraph)))
    return script


def _plain(text: str) -> str:
    """Without emphasis and notes, on one line."""
    text = _NOTE.sub("", text)
    while _EMPHASIS.search(text):
        text = _EMPHASIS.sub(r"\2", text)
    return " ".join(text.split())
