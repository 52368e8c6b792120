"""Writes the report: one page with a run's totals, timings, every picture with its prompt, and every failed row.

    write_report(Storage("runs/beach"))  ->  "runs/beach/report/index.html"

The page is a single file that loads nothing but the pictures it links to, so it can be opened from a disk, from object
storage or from a mail:

- The first 1,000 pictures (or 4 MB of them) are embedded as thumbnails in any layout. Beyond them, layout
  `files` loads `../images/...` on scrolling; the other layouts show the prompt and name the shard's file.
- The first 100,000 pictures and 10,000 quarantined rows are listed and searched; the header counts all.
- All columns of some 20,000 pictures (4 MB) are in the page; the dialog of a later one names its Parquet file and row.

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

from tasks.report.data import RunData, read_ahead, read_run
from tasks.report.thumbnails import thumbnails
from tasks.runfolder.costs import total_cost
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage

PAGE = "report/index.html"
EMBEDDED_BYTES = 4_000_000  # of thumbnails, as base64
EDGE = 160  # pixels of a thumbnail's longer side
EDGE_OF_FEW, FEW = 320, 100  # up to FEW pictures are shown larger, also by the page's script
BARS = 12  # rows of the timings plot; more shards than that share a row
Seconds = dict[str, float]


def write_report(storage: Storage, stages: Sequence[str] = ()) -> str:
    """Writes `report/index.html` of a run folder and returns its full name.

    Args:
        stages: the order of stages in the timings; others follow.

    The same run gives the same bytes. Raises BadInput if the folder holds no run or one of its files is damaged, and
    StorageError if it cannot be read or written.
    """
    run = read_record(storage)
    if run is None:
        raise BadInput(f"{storage.url()}: there is no run here (no run.json); check the path.")
    paths = [path for path in storage.list("timings") if path.endswith(".json")]
    timings = list(read_ahead(lambda path: (PurePosixPath(path).stem, _seconds_of(storage, path)), paths))
    page = _page(storage, run, read_run(storage, _facet(run)), timings, stages)
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
    storage: Storage, run: Mapping[str, Any], data: RunData, timings: list[tuple[str, Seconds]], order: Sequence[str]
) -> str:
    panoramas = bool(run["job"].get("panorama"))
    parts = ("report", "panorama") if panoramas else ("report",)
    style, script = ("".join(_asset(f"{part}.{kind}") for part in parts) for kind in ("css", "js"))
    return Template(_asset("report.html")).substitute(
        title=escape(PurePosixPath(storage.url()).name or "run"),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        subtitle=_subtitle(run),
        facet=_facet(run),
        search="Search text, id" if data.pairs else "Search prompt, id, keywords",
        pairs="true" if data.pairs else "false",
        panoramas="true" if panoramas else "false",
        facts=_facts(data, timings, total_cost(storage)),
        timings=_timings(timings, order),
        job=escape(json.dumps(run, indent=2, ensure_ascii=False)),
        listing=data.listing,
        thumbnails=" ".join(_embedded(storage, data)),
        details="\n".join(
            f'<script type="text/plain" class="details" data-first="{first}" data-count="{count}">{packed}</script>'
            for first, count, packed in data.details
        ),
    )


def _facet(run: Mapping[str, Any]) -> str:
    """The column by which the page filters: of a campaign, an archive, or prompts."""
    return {"reprocess": "modality", "campaign": "placement"}.get(str(run.get("flow")), "language")


def _asset(name: str) -> str:
    return files("tasks.report").joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _embedded(storage: Storage, data: RunData) -> Iterator[str]:
    """Thumbnails of the first pictures, "-" for one that cannot be read, until the page has enough."""
    total = 0
    edge = EDGE if len(data.images) > FEW else EDGE_OF_FEW
    for small in thumbnails(storage, data.images, 2 * edge if data.pairs else edge):
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


def _timings(timings: list[tuple[str, Seconds]], order: Sequence[str]) -> str:
    """A legend with the totals, and for each shard or group of shards a bar of seconds stacked by stage."""
    recorded = dict.fromkeys(stage for _, seconds in timings for stage in seconds)
    stages = [*(stage for stage in order if stage in recorded), *(stage for stage in recorded if stage not in order)]
    if not stages:
        return "<p>No timings were kept.</p>"
    totals = {stage: sum(seconds.get(stage, 0.0) for _, seconds in timings) for stage in stages}
    whole = sum(totals.values()) or 1.0
    legend = "".join(
        f'<li><svg class="key" aria-hidden="true"><rect class="c{index % 8}" width="100%" height="100%"/></svg>'
        f"<span>{escape(stage)}</span> <b>{_seconds(totals[stage])}</b> <i>{totals[stage] / whole:.0%}</i></li>"
        for index, stage in enumerate(stages)
    )
    size = -(-len(timings) // BARS)
    groups = [timings[start : start + size] for start in range(0, len(timings), size)]
    means = [{s: sum(part.get(s, 0.0) for _, part in group) / len(group) for s in stages} for group in groups]
    longest = max(sum(mean.values()) for mean in means) or 1.0
    bars = "".join(
        _bar(group[0][0] if len(group) == 1 else f"{group[0][0]}–{group[-1][0]}", mean, longest)
        for group, mean in zip(groups, means, strict=True)
    )
    note = "Seconds per shard." if size == 1 else f"Seconds per shard, each bar the mean of {size} shards."
    note += " Stages of different shards overlap in time." if len(timings) > 1 else ""
    return (
        f'<div class="timings{" few" if len(groups) < 3 else ""}">\n<ul class="legend">{legend}</ul>\n'
        f'<ol class="bars">{bars}</ol>\n<p class="note">{note}</p>\n</div>'
    )


def _bar(label: str, seconds: Seconds, longest: float) -> str:
    values = ", ".join(f"{stage} {_seconds(value)}" for stage, value in seconds.items())
    parts, left = [], 0.0
    for index, (stage, value) in enumerate(seconds.items()):
        share = 100 * value / longest
        parts.append(
            f'<rect class="c{index % 8}" x="{left:.3f}%" width="{share:.3f}%" height="100%">'
            f"<title>{escape(stage)} {_seconds(value)}</title></rect>"
        )
        left += share
    return (
        f'<li><span>{escape(label)}</span><svg role="img" aria-label="{escape(f"Shard {label}: {values}")}">'
        f"{''.join(parts)}</svg><span>{_seconds(sum(seconds.values()))}</span></li>"
    )


def _seconds(value: float) -> str:
    if value >= 5999.5:
        return f"{value / 3600:,.1f} h"
    if value >= 99.95:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 0.95 else f"{1000 * value:.0f} ms"
