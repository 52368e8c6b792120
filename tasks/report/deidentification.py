"""The de-identification report of a run: what became of every element, and what was looked for in each file.

    write_deidentification(Storage("runs/study"))  ->  "runs/study/report/deidentification.html" and ".csv"

For the person who answers for the release of the results: totals to read and sign, and one line for every file of the
archive. It names elements and files by pseudonym, and holds no value of any element.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import pyarrow as pa

from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table

PAGE, LIST = "report/deidentification.html", "report/deidentification.csv"
OUTCOMES = ("kept", "emptied", "replaced", "removed")
COLUMNS = ("row", "source", "study", "kind", "object", "result", "looked for", "found", "reason")
LOOKED = {
    "quarantine": "what the header says; letters and codes among the pixels",
    "mask": "what the header says; letters and codes among the pixels",
    "header": "what the header says",
    "keep": "what the header says; letters and codes among the pixels",
}
STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
    "td,th{padding:.15em .8em;border-bottom:1px solid #ccc;text-align:left}td.n{text-align:right}"
    "@media print{tr{break-inside:avoid}}"
)


def write_deidentification(storage: Storage) -> str:
    """Writes both files and returns the page's full name. Raises StorageError; BadInput if a table is damaged."""
    run = read_record(storage) or {}
    job: Mapping[str, Any] = run.get("job", {})
    elements: Counter[tuple[str, str]] = Counter()
    totals: Counter[str] = Counter()
    listed = io.StringIO()
    lines = csv.DictWriter(listed, COLUMNS)
    lines.writeheader()
    for line, outcomes in _files(storage, LOOKED.get(str(job.get("burned_in")), "")):
        for name, outcome, count in outcomes:
            elements[name, outcome] += count
        totals[line["result"] if not line["reason"] else f"{line['result']}: {line['reason']}"] += 1
        totals[f"burned-in text: {line['found']}"] += bool(line["found"])
        lines.writerow(line)
    storage.write(LIST, listed.getvalue().encode())
    storage.write(PAGE, _page(run, job, elements, totals).encode())
    return storage.url(PAGE)


def _files(storage: Storage, looked: str) -> Iterator[tuple[dict[str, Any], list[tuple[str, str, int]]]]:
    """A line for every file, results and quarantined ones, and what became of its elements."""
    for path in storage.list("metadata"):
        for row in _rows(read_table(storage, path)):
            found = str(row.get("burned_in_text") or "")
            line = {name: row.get(name, "") for name in ("row", "source", "study", "kind", "object")}
            line |= {"result": "made", "looked for": looked, "found": found, "reason": ""}
            yield line, [(str(a), str(b), int(c)) for a, b, c in json.loads(row.get("elements") or "[]")]
    for path in storage.list("quarantine"):
        for row in _rows(read_table(storage, path)):
            line = {name: row.get(name, "") for name in ("row", "source", "study")}
            done = "not copied" if row.get("stage") == "skip" else "quarantined"
            line |= {"kind": "", "object": "", "result": done, "looked for": looked, "found": ""}
            yield line | {"reason": row.get("error") or ""}, []


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(1000):
        yield from batch.to_pylist()


def _page(
    run: Mapping[str, Any], job: Mapping[str, Any], elements: Counter[tuple[str, str]], totals: Counter[str]
) -> str:
    names = sorted({name for name, _ in elements})
    table = _table(
        ["element", *OUTCOMES],
        [[name, *(f"{elements[name, outcome]:,}" for outcome in OUTCOMES)] for name in names],
    )
    done = [
        (
            "profile",
            "PS3.15 Basic Application Level Confidentiality Profile, 2026c; free text and unlisted elements go",
        ),
        ("options", ", ".join(job.get("retain", [])) or "none"),
        ("burned-in text", f"{job.get('burned_in')}: looked for {LOOKED.get(str(job.get('burned_in')), '')}"),
        ("pseudonym key", f"fingerprint {job.get('pseudonym key', '')}"),
        ("imagemill", str(run.get("versions", {}).get("imagemill", ""))),
        ("archive", f"{run.get('input', {}).get('rows', 0):,} files, fingerprint {run.get('input', {}).get('digest')}"),
    ]
    files = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
    signature = "<p>Checked by ____________________ on ____________ &nbsp; Signature ____________________</p>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>De-identification report</title>'
        f"<style>{STYLE}</style><h1>De-identification report</h1>"
        + _table(["", ""], [list(row) for row in done])
        + "<h2>Files</h2>"
        + _table(["what became of them", "files"], [[name, f"{count:,}"] for name, count in files if count])
        + '<p>Each file: <a href="deidentification.csv">deidentification.csv</a></p><h2>Elements</h2>'
        + "<p>At every depth of the objects that were made; values are in no part of this report.</p>"
        + table
        + signature
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td{' class=n' * (n > 0)}>{escape(cell)}</td>" for n, cell in enumerate(row)) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
