"""The de-identification report: every element with what became of it, every file, and no value of any."""

import csv
import io
from pathlib import Path

from tasks.report.deidentification import write_deidentification
from tests.tasks.archive.test_large_files import put, run
from tests.tasks.dicom.samples import Identity, plant, sample

WHO = Identity(7)


def test_report_counts_elements_and_lists_files_without_values(tmp_path: Path) -> None:
    put(tmp_path, f"{WHO.family} 1.dcm", plant(sample("CT_small.dcm"), WHO))
    put(tmp_path, f"{WHO.family} 2.dcm", plant(sample("MR_small.dcm"), WHO))
    put(tmp_path, "3.dcm", plant(sample("reportsi.dcm"), WHO))
    put(tmp_path, "4.dcm", sample("CT_small.dcm")[:3000])
    out = run(tmp_path, "run", "")
    write_deidentification(out)
    page, listed = (out.read(f"report/deidentification.{kind}").decode() for kind in ("html", "csv"))
    assert "<td>PatientBirthDate</td><td class=n>0</td><td class=n>2</td><td class=n>0</td><td class=n>0</td>" in page
    assert "<td>ImageComments</td><td class=n>0</td><td class=n>0</td><td class=n>0</td><td class=n>2</td>" in page
    rows = list(csv.DictReader(io.StringIO(listed)))
    assert [row["result"] for row in sorted(rows, key=lambda row: int(row["row"]))].count("made") == 2
    assert {row["result"] for row in rows} == {"made", "not copied", "quarantined"}
    assert not [secret for secret in WHO.secrets if secret.lower() in (page + listed).lower()]
