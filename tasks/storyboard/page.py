"""The page of a storyboard: cards of the characters, then scene by scene each panel with heading, action and line.

A single file without script. Pictures are in it as thumbnails, up to some megabytes; those beyond are linked to.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from tasks.report.thumbnails import thumbnails
from tasks.runfolder.storage import Storage
from tasks.storyboard.board import Board, Shown

PAGE = "storyboard.html"
EDGE = 480  # pixels of a thumbnail's longer side
EMBEDDED_BYTES = 8_000_000  # of thumbnails, as base64
_AT_ONCE = 64


def write_page(storage: Storage, board: Board, films: list[str], pdf: str | None, chinese: bool) -> str:
    """Writes `storyboard.html`; its full name."""
    panels = list(board.panels())
    shown = sources(storage, [*board.cards, *panels])
    seconds = sum(panel.row["seconds"] or 0 for panel in panels)
    cards = "".join(_card(card, next(shown)) for card in board.cards)
    scenes = "".join(
        f'<section><h2><b>{panels[0].row["scene"]}</b>{escape(heading)}</h2>\n<ol class="panels">'
        + "".join(_panel(panel, next(shown)) for panel in panels)
        + "</ol></section>\n"
        for heading, panels in board.scenes
    )
    failed = sum(one.image is None for one in panels)
    facts = [
        f"{len(board.scenes)} scenes",
        f"{len(panels)} panels",
        f"{int(seconds // 60)}:{int(seconds % 60):02d} min",
    ]
    facts += [f"{failed} without a picture"] if failed else []
    links = [(film, "animatic" + (f" {n}" if n > 1 else "")) for n, film in enumerate(films, 1)]
    links += [(pdf, "PDF")] if pdf else []
    links += [("report/index.html", "all rows")]
    film = f'<p class="film"><img src="{quote(films[0])}" alt="The animatic" loading="lazy"></p>' if films else ""
    cast = f'<section><h2>Characters</h2>\n<ol class="panels cards">{cards}</ol></section>' if cards else ""
    title = board.title or "Storyboard"
    return write_html(storage, PAGE, title, ", ".join(facts), links, f"{film}\n{cast}\n{scenes}", chinese)


def write_html(
    storage: Storage, path: str, title: str, facts: str, links: list[tuple[str, str]], body: str, chinese: bool
) -> str:
    """Writes a page of this look, whose body is HTML; its full name."""
    style = files("tasks.storyboard").joinpath("page.css").read_text("utf-8")
    page = Template(files("tasks.storyboard").joinpath("page.html").read_text("utf-8")).substitute(
        title=escape(title),
        language="zh" if chinese else "en",
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        facts=escape(facts),
        links="".join(f'<a href="{quote(to)}">{escape(name)}</a>' for to, name in links),
        body=body,
    )
    storage.write(path, page.encode("utf-8", "replace"))
    return storage.url(path)


def sources(storage: Storage, shown: list[Shown]) -> Iterator[str | None]:
    """What each picture's `src` is: a thumbnail, or beyond the page's room its file; None for one that is not there."""
    total = 0
    for start in range(0, len(shown), _AT_ONCE):
        part = shown[start : start + _AT_ONCE]
        paths = [one.image for one in part]
        small = thumbnails(storage, [p or "" for p in paths], EDGE) if total < EMBEDDED_BYTES else [None] * len(part)
        for path, data in zip(paths, small, strict=True):
            total += len(data or "")
            yield f"data:image/webp;base64,{data}" if path and data else path and quote(path)


def _picture(one: Shown, source: str | None) -> str:
    row = one.row
    if source is None or one.image is None:
        return f'<p class="failed">{escape(one.error or "not made yet")}</p>'
    size = f'width="{row["width"]}" height="{row["height"]}"'
    return f'<a href="{quote(one.image)}"><img src="{source}" alt="{escape(row["text"])}" {size} loading="lazy"></a>'


def _card(card: Shown, source: str | None) -> str:
    name, look = escape(card.row["heading"]), escape(card.row["action"] or "")
    return _item(card, source, f'<b>{name}</b><p class="action">{look}</p>')


def _panel(panel: Shown, source: str | None) -> str:
    row = panel.row
    id, shot, action = row["id"], escape(row["shot"]), escape(row["action"] or "")
    told = f'<p class="id"><a href="#{id}">{id}</a><span>{shot}</span><span>{row["seconds"]:g} s</span></p>'
    told += f'<p class="action">{action}</p>' if action else ""
    if row["dialogue"]:
        manner = f" <i>({escape(row['manner'])})</i>" if row["manner"] else ""
        told += f'<p class="line"><b>{escape(row["speaker"])}</b>{manner} {escape(row["dialogue"])}</p>'
    return _item(panel, source, told)


def _item(one: Shown, source: str | None, told: str) -> str:
    id = escape(one.row["id"])
    return f'<li id="{id}"><figure>{_picture(one, source)}<figcaption>{told}</figcaption></figure></li>\n'
