"""Elements that `--retain` keeps, compared with table E.1-1 of PS3.15 as a second source has it.

    python -m benchmarks.retained https://raw.githubusercontent.com/innolitics/dicom-standard/master/standard/confidentiality_profile_attributes.json

The package that the actions come from has no columns of options, so that `tasks/dicom/retain.py` lists what they keep.
Elements of the table that are not kept are named below with the reason; any other difference ends in exit code 1.
"""

import json
import sys

import fsspec
from cyclopts import run
from pydicom.datadict import keyword_for_tag

from tasks.dicom.retain import Retained, kept_tags

COLUMNS: dict[Retained, str] = {"device": "rtnDevIdOpt", "patient-characteristics": "rtnPatCharsOpt"}
NOT_KEPT: dict[Retained, set[str]] = {
    "device": {
        # dates, which go or are moved by `--retain dates` as all others
        *("BeamHoldTransitionDateTime", "CalibrationDate", "CalibrationDateTime", "CalibrationTime"),
        *("DateOfInstallation", "DateOfLastCalibration", "DateOfLastDetectorCalibration", "DateOfManufacture"),
        *("DateTimeOfLastCalibration", "TimeOfLastCalibration", "TimeOfLastDetectorCalibration"),
        # retired
        *("ModifyingDeviceID", "ScheduledStudyLocation"),
    },
    # a value that hangs on another element, which may be anything
    "patient-characteristics": {"SelectorASValue"},
}


def main(table: str) -> None:
    """Prints what differs, and exits with 1 if something does that has no reason.

    Parameters
    ----------
    table
        The table as JSON, local or by its address.
    """
    with fsspec.open(table, "rt") as file:
        rows = json.load(file)
    differs = False
    for option, column in COLUMNS.items():
        numbers = (row["id"] for row in rows if row.get(column) == "K" and "x" not in row["id"].lower())
        theirs = {keyword_for_tag(int(number, 16)) for number in numbers}
        ours = {keyword_for_tag(tag) for tag in kept_tags([option])}
        lacking, beyond = theirs - ours - NOT_KEPT[option], ours - theirs
        print(f"{option}: {len(ours)} kept of {len(theirs)}, {len(NOT_KEPT[option])} not kept for a reason")
        for what, names in (("in the table, not kept", lacking), ("kept, not in the table", beyond)):
            differs |= bool(names)
            print(*(f"  {what}: {name}" for name in sorted(names)), sep="\n", end="\n" if names else "")
    sys.exit(int(differs))


if __name__ == "__main__":
    run(main)
