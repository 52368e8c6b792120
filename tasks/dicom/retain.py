"""Options of the profile that keep more (PS3.15 E.3): the device, what the patient is like, dates that are moved.

Which elements each keeps is column `K` of table E.1-1 (edition 2026c); where it says `C`, the value is text that only a
person could clean, and the Basic Profile stays. Dates are moved by a number of days that is a patient's own, so that
intervals between her studies stay what they were; who has no key can't know the number.
"""

import re
from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag

from tasks.dicom.allowed import is_known
from tasks.dicom.pseudonyms import Pseudonyms

Retained = Literal["device", "patient-characteristics", "dates"]
CODES: dict[Retained, Code] = {
    "device": codes.cid7050.RetainDeviceIdentityOption,
    "patient-characteristics": codes.cid7050.RetainPatientCharacteristicsOption,
    "dates": codes.cid7050.RetainLongitudinalTemporalInformationModifiedDatesOption,
}
_KEPT: dict[Retained, tuple[str, ...]] = {
    "device": (
        *("CassetteID", "DetectorID", "DeviceDescription", "DeviceLabel", "DeviceSerialNumber", "DeviceUID"),
        *("GantryID", "GeneratorID", "LensMake", "LensModel", "LensSerialNumber", "LensSpecification"),
        *("ManufacturerDeviceClassUID", "ManufacturerDeviceIdentifier", "ModifyingSystem", "PerformedStationName"),
        *("PerformedStationNameCodeSequence", "PerformedStationGeographicLocationCodeSequence", "PlateID"),
        *("ScheduledProcedureStepLocation", "ScheduledStationName", "ScheduledStationNameCodeSequence"),
        *("ScheduledStationGeographicLocationCodeSequence", "SourceManufacturer", "SourceSerialNumber"),
        *("StationName", "TransducerIdentificationSequence", "TreatmentMachineName", "UDISequence"),
        *("UniqueDeviceIdentifier", "XRayDetectorID", "XRayDetectorLabel", "XRaySourceID"),
    ),
    "patient-characteristics": (
        *("EthnicGroup", "PatientAge", "PatientSex", "PatientSexNeutered", "PatientSize", "PatientWeight"),
        *("PregnancyStatus", "SmokingStatus"),
    ),
    "dates": (),
}
OF_A_LIFE = re.compile("Birth|Death")  # which the option does not cover
MOST_DAYS = 3650


class RetainOptions(BaseModel):
    """What a result keeps beyond the Basic Profile."""

    retain: list[Retained] = []
    """Options of PS3.15 E.3 beside the Basic Profile, each with --retain: device, patient-characteristics, dates
    (moved by a secret number of days per patient)."""


def kept_tags(retain: list[Retained]) -> frozenset[BaseTag]:
    """The elements that these options keep as they are."""
    tags = (tag_for_keyword(name) for option in retain for name in _KEPT[option])
    return frozenset(BaseTag(tag) for tag in tags if tag is not None)


def days_of(patient: str, pseudonyms: Pseudonyms) -> int:
    """By how many days a patient's dates are moved: 1 to `MOST_DAYS` back."""
    return -1 - int(pseudonyms.code("days", patient), 16) % MOST_DAYS


def is_moved(tag: BaseTag) -> bool:
    """Whether an element is a date or time that the option covers."""
    return (
        is_known(tag) and dictionary_VR(tag) in {"DA", "DT", "TM"} and not OF_A_LIFE.search(str(keyword_for_tag(tag)))
    )


def moved(kind: str, value: str, days: int) -> str:
    """A date or date and time, moved; a time of day as it is; empty if it is none of these (PS3.5 6.2)."""
    value = value.strip()
    if kind == "TM":
        return value if re.fullmatch(r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?", value) else ""
    tail = r"()" if kind == "DA" else r"(\d{0,6}(?:\.\d{1,6})?(?:[+-]\d{4})?)"
    found = re.fullmatch(r"(\d{4})(\d{2})(\d{2})" + tail, value)
    try:
        made = date(*(int(part) for part in found.groups()[:3])) + timedelta(days) if found else None
    except (ValueError, OverflowError):
        return ""
    return f"{made:%Y%m%d}{found[4]}" if made and found else ""
