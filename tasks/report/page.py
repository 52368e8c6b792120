"""Writes the report: one page with a run's totals, timings, every picture with its prompt, and every failed row.

    write_report(Storage("runs/beach"))  ->  "runs/beach/report/index.html"

The page is a single file that loads nothing but the pictures it links to, so it can be opened from a disk, from object
storage or from a mail:

- The first 1,000 pictures (or 4 MB of them) are embedded as thumbnails in any layout. Beyond them, layout
  `files` loads `../images/...` on scrolling; the other layouts show the prompt and name the shard's file.
- The first 100,000 pictures and 10,000 quarantined rows are listed and searched; the header counts all.
- All columns of some 20,000 pictures (4 MB) are in the page; the dialog of a later one names its Parquet file and row.
- Of all listed pictures the columns that one sorts, filters and searches by are there, too (6 MB), each by itself.
- Beside a run's pictures it can show those of another: parents of adjusted ones, or a run to compare with.

Prompts are untrusted. Every value is HTML-escaped or packed as base64 here and becomes a text node in the page, whose
content security policy allows only its own script and style, by their hashes.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import PurePosixPath
from string import Template
from typing import Any

from tasks.report.beside import Beside, read_beside
from tasks.report.columns import PackedColumn
from tasks.report.data import EMBEDDED, LISTED_PICTURES, RunData, read_ahead, read_run
from tasks.report.thumbnails import thumbnails
from tasks.report.timings import Seconds, timings_plot
from tasks.runfolder.costs import total_cost
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage

PAGE = "report/index.html"
STYLES = ("report", "gallery/grid", "gallery/dialog")
SCRIPTS = tuple(
    f"gallery/{name}"
    for name in ("store", "columns", "filters", "grid", "tiles", "selection", "figure", "dialog", "state", "start")
)
EMBEDDED_BYTES = 4_000_000  # of thumbnails, as base64
EDGE = 160  # pixels of a thumbnail's longer side
EDGE_OF_FEW, FEW = 320, 100  # up to FEW pictures are shown larger, also by the page's script


def write_report(storage: Storage, stages: Sequence[str] = (), beside: Storage | None = None) -> str:
    """Writes `report/index.html` of a run folder and returns its full name.

    Args:
        stages: the order of stages in the timings; others follow.
        beside: a run whose pictures are shown beside this one's.

    The same run gives the same bytes. Raises BadInput if a folder holds no run or one of its files is damaged, and
    StorageError if it cannot be read or written.
    """
    run = read_record(storage)
    if run is None:
        raise BadInput(f"{storage.url()}: there is no run here (no run.json); check the path.")
    paths = [path for path in storage.list("timings") if path.endswith(".json")]
    timings = list(read_ahead(lambda path: (PurePosixPath(path).stem, _seconds_of(storage, path)), paths))
    data = read_run(storage, _facet(run))
    partners = None if beside is None else read_beside(storage, beside, LISTED_PICTURES)
    page = _page(storage, run, data, timings, stages, _beside(beside, partners))
    storage.write(PAGE, page.encode("utf-8", "replace"))
    return storage.url(PAGE)


def _seconds_of(storage: Storage, path: str) -> Seconds:
    try:
        seconds = {str(stage): float(value) for stage, value in json.loads(storage.read(path))["seconds"].items()}
        if not all(0 <= value < 1e9 for value in seconds.values()):
            raise ValueError("seconds that cannot be")
        return seconds
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BadInput(f"{storage.url(path)}: damaged, not a shard's timings ({error}); delete it.") from error


def _page(
    storage: Storage,
    run: Mapping[str, Any],
    data: RunData,
    timings: list[tuple[str, Seconds]],
    order: Sequence[str],
    beside: str,
) -> str:
    panoramas = bool(run["job"].get("panorama"))
    also = ("panorama",) if panoramas else ()
    style = "".join(asset(f"{part}.css") for part in (*STYLES, *also))
    script = "".join(asset(f"{part}.js") for part in (*SCRIPTS, *also))
    return Template(asset("report.html")).substitute(
        title=escape(PurePosixPath(storage.url()).name or "run"),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        subtitle=_subtitle(run),
        facet=_facet(run),
        pairs="true" if data.pairs else "false",
        panoramas="true" if panoramas else "false",
        facts=_facts(data, timings, total_cost(storage)),
        timings=timings_plot(timings, order),
        job=escape(json.dumps(run, indent=2, ensure_ascii=False)),
        left_out=escape(json.dumps(data.left_out, ensure_ascii=False)),
        listing=data.listing,
        thumbnails=" ".join(_embedded(storage, data.images, data.pairs)),
        details="\n".join(
            f'<script type="text/plain" class="details" data-first="{first}" data-count="{count}">{packed}</script>'
            for first, count, packed in data.details
        ),
        columns="\n".join(map(_column, data.columns)),
        beside=beside,
    )


def _column(column: PackedColumn) -> str:
    about = f'data-name="{escape(column.name)}" data-kind="{column.kind}" data-varies="{str(column.varies).lower()}"'
    return f'<script type="text/plain" class="column" {about}>{column.packed}</script>'


def _beside(other: Storage | None, found: Beside | None) -> str:
    """The other run's pictures: where they are, thumbnails of the first, and how figures differ from theirs."""
    if other is None or found is None:
        return ""
    pairs = any(image.startswith("previews/") for image in found.images)
    small = " ".join(_embedded(other, found.images[:EMBEDDED], pairs))
    scripts = [f'<script type="text/plain" id="beside">{found.packed}</script>']
    scripts.append(f'<script type="text/plain" id="beside-thumbnails">{small}</script>')
    return "\n".join([*scripts, *map(_column, found.changes)])


def _facet(run: Mapping[str, Any]) -> str:
    """The column by which the page filters: of a campaign, an archive, or prompts."""
    return {"reprocess": "modality", "campaign": "placement"}.get(str(run.get("flow")), "language")


def asset(name: str) -> str:
    """A file of the page: its frame, or a part of its style or script."""
    return files("tasks.report").joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _embedded(storage: Storage, images: Sequence[str], pairs: bool) -> Iterator[str]:
    """Thumbnails of the first pictures, "-" for one that cannot be read, until the page has enough."""
    total = 0
    edge = EDGE if len(images) > FEW else EDGE_OF_FEW
    for small in thumbnails(storage, images, 2 * edge if pairs else edge):
        total += len(small or "")
        if total > EMBEDDED_BYTES:
            return
        yield small or "-"


_BURNED_IN = {"quarantine": "quarantined", "header": "by header", "keep": "kept"}


def _subtitle(run: Mapping[str, Any]) -> str:
    """Generator and encoder with the beginning of their digests; for an archive, how it was processed."""
    parts = []
    if run.get("flow") == "reprocess":
        job = run["job"]
        settings = {
            "Enhanced by": str(job.get("enhance") or "nothing"),
            "Identities": "kept" if job.get("keep_identity") else "removed (PS3.15 Basic Profile)",
            "Burned-in text": _BURNED_IN.get(str(job.get("burned_in")), "unknown"),
        }
        return " ".join(f"<span>{name} <b>{escape(value)}</b></span>" for name, value in settings.items())
    for role in ("generator", "encoder"):
        part = run.get(role) or {}
        name, digest = (part.get("name"), part.get("digest")) if isinstance(part, Mapping) else (part, None)
        code = f" <code>{escape(str(digest)[:12])}</code>" if digest else ""
        parts.append(f"<span>{role.capitalize()} <b>{escape(str(name or 'none'))}</b>{code}</span>")
    return " ".join(parts)


def _facts(data: RunData, timings: list[tuple[str, Seconds]], cost: float | None) -> str:
    busy = sum(sum(seconds.values()) for _, seconds in timings)
    rate = f"{data.pictures / busy:,.1f} <small>of stage time</small>" if busy and data.pictures else "–"
    facts = [
        ("Rows", f"{data.rows:,}", ""),
        ("Pictures", f"{data.pictures:,}", ""),
        ("Quarantined", f"{data.quarantined:,}", ' class="warn"' if data.quarantined else ""),
        ("Pictures a second", rate, ""),
    ]
    if cost is not None and data.pictures:
        a_thousand = f"{1000 * cost / data.pictures:,.2f}"
        facts.append(("Cost", f"{cost:,.2f} <small>{a_thousand} per 1,000</small>", ""))
    if data.texts_cut:
        facts.insert(3, ("Texts cut", f"{data.texts_cut:,}", ' class="warn"'))
    if data.unmatched:
        facts.insert(3, ("Low match", f"{data.unmatched:,}", ' class="warn"'))
    if data.studies_incomplete:
        facts.insert(3, ("Studies incomplete", f"{data.studies_incomplete:,}", ' class="warn"'))
    return "\n".join(f"<div{extra}><dt>{name}</dt><dd>{value}</dd></div>" for name, value, extra in facts)
