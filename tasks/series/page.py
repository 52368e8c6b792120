"""The page of a series: every picture with its subject, main colours, and its palette's distance from the series'."""

from html import escape

import pyarrow as pa

from tasks.runfolder.storage import Storage
from tasks.series.palette import Palette, common
from tasks.storyboard.board import Shown, read_board
from tasks.storyboard.page import sources, write_html

PAGE = "series.html"
MOST = 500  # pictures that are shown and measured


def write_page(storage: Storage, title: str, planned: pa.Table, style: str, chinese: bool) -> str:
    """Writes `series.html`; its full name. Of more than `MOST` pictures it shows and measures at most that many."""
    every = -(-planned.num_rows // MOST)
    table = planned.take(list(range(0, planned.num_rows, every)))
    columns = {
        "scene": [1] * len(table),
        "heading": table["subject"],
        "width": [0] * len(table),
        "height": [0] * len(table),
    }
    for name, values in columns.items():
        table = table.append_column(name, values if isinstance(values, pa.ChunkedArray) else pa.array(values))
    shown = list(read_board(storage, title, table).panels())
    palettes = [Palette.of(one.open(storage)) if one.image is not None else None for one in shown]
    made = [palette for palette in palettes if palette is not None]
    whole = common(made) if made else None
    distances = [whole.distance(one) if whole and one else None for one in palettes]
    known = sorted(distance for distance in distances if distance is not None)
    facts = [f"{planned.num_rows:,} subjects", style]
    if known:
        facts.append(f"palettes lie {sum(known) / len(known):.1f} from the series' on average, {known[-1]:.1f} at most")
    items = [
        _item(one, source, palette, distance)
        for one, source, palette, distance in zip(shown, sources(storage, shown), palettes, distances, strict=True)
    ]
    body = f'<ol class="panels">{"".join(items)}</ol>'
    links = [("report/index.html", "all rows")]
    return write_html(storage, PAGE, title, ". ".join(fact for fact in facts if fact), links, body, chinese)


def _item(one: Shown, source: str | None, palette: Palette | None, distance: float | None) -> str:
    told = f"<b>{escape(one.row['subject'])}</b>"
    if palette is None or distance is None or source is None:
        return f'<li><figure><p class="failed">{escape(one.error or "not made yet")}</p>{told}</figure></li>\n'
    cells = "".join(
        f'<svg aria-hidden="true"><rect width="100%" height="100%" fill="{c}"/></svg>' for c in palette.colours
    )
    picture = f'<img src="{source}" alt="{escape(one.row["text"])}" loading="lazy">'
    return (
        f'<li><figure>{picture}<div class="swatches" title="{" ".join(palette.colours)}">{cells}</div>'
        f'<figcaption>{told}<p class="id">palette distance {distance:.1f}</p></figcaption></figure></li>\n'
    )
