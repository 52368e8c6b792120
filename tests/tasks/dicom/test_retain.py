"""Options that keep more than the Basic Profile does: what they keep, and that nothing else comes with it."""

import io
from datetime import date

import pytest
from pydicom import Dataset, dcmread

from tasks.dicom.profile import deidentify
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.retain import Retained, moved
from tests.tasks.dicom.samples import Identity, plant, sample

NAMES = Pseudonyms("a key that is only good for tests, as all can read it")
WHO = Identity(17)


def treated(retain: list[Retained], **values: object) -> Dataset:
    dataset = dcmread(io.BytesIO(plant(sample("CT_small.dcm"), WHO)))
    for name, value in values.items():
        setattr(dataset, name, value)
    deidentify(dataset, NAMES, retain)
    return dataset


def methods(dataset: Dataset) -> list[str]:
    return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


def test_device_stays_where_asked_for() -> None:
    device = {"StationName": "CT 4", "DeviceSerialNumber": "SN8842", "DetectorID": "D-5"}
    basic, kept = treated([], **device), treated(["device"], **device)
    assert [basic.get(name) for name in device] != list(device.values())
    assert {name: kept[name].value for name in device} == device
    assert (methods(basic), methods(kept)) == (["113100"], ["113100", "113109"])
    assert "PatientAge" not in kept


def test_patient_in_a_retained_text_does_not_stay() -> None:
    assert treated(["device"], StationName=f"of {WHO.family}").StationName == "REMOVED"
    assert treated(["patient-characteristics"], EthnicGroup=f"{WHO.given}").EthnicGroup == "REMOVED"


def test_patient_characteristics_stay_where_asked_for() -> None:
    values = {"PatientAge": "067Y", "PatientSex": "F", "PatientWeight": "71.5", "SmokingStatus": "NO"}
    basic, kept = treated([], **values), treated(["patient-characteristics"], **values)
    assert all(basic.get(name) != value for name, value in values.items())
    assert {name: str(kept[name].value) for name in values} == values
    assert methods(kept) == ["113100", "113108"]


def day(value: str) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


def test_dates_are_moved_and_intervals_stay() -> None:
    first = treated(["dates"], StudyTime="101112.5")
    later = treated(["dates"], StudyDate="20130217", AcquisitionDateTime="20130217093000.25+0100")
    other = dcmread(io.BytesIO(plant(sample("CT_small.dcm"), Identity(18))))
    deidentify(other, NAMES, ["dates"])
    assert first.StudyDate != WHO.day
    assert day(later.StudyDate) - day(first.StudyDate) == day("20130217") - day(WHO.day)
    moved_by = day(first.StudyDate) - day(WHO.day)
    assert first.ReferencedImageSequence[0].StudyDate == first.StudyDate, "in sequences, too"
    assert later.AcquisitionDateTime[8:] == "093000.25+0100"
    assert first.StudyTime == "101112.5"
    assert day(other.StudyDate) - day(Identity(18).day) != moved_by, "each patient has a number of her own"
    assert not first.PatientBirthDate
    assert first.LongitudinalTemporalInformationModified == "MODIFIED"
    assert methods(first) == ["113100", "113107"]


def test_another_key_moves_by_another_number() -> None:
    dataset = dcmread(io.BytesIO(plant(sample("CT_small.dcm"), WHO)))
    deidentify(dataset, Pseudonyms("another key that is only good for tests, too"), ["dates"])
    assert dataset.StudyDate != treated(["dates"]).StudyDate


@pytest.mark.parametrize("value", ["1943-02-03", "Zzyquist", "20110231", "00000000", "20110117-20110118", "2011"])
def test_what_is_no_date_is_emptied(value: str) -> None:
    assert moved("DA", value, -5) == ""
    assert moved("DT", value, -5) == ""
    assert moved("TM", f"{value}x", -5) == ""


def test_every_outcome_is_counted_and_no_value_told() -> None:
    dataset = dcmread(io.BytesIO(plant(sample("CT_small.dcm"), WHO)))
    outcomes = deidentify(dataset, NAMES)
    assert outcomes["PatientName", "replaced"] >= 1
    assert outcomes["PatientBirthDate", "emptied"] == 1
    assert outcomes["ImageComments", "removed"] == 1
    assert outcomes["private element", "removed"] >= 3
    assert outcomes["Rows", "kept"] == 1
    assert outcomes["ReceiveCoilName", "replaced"] == 1
    text = str(outcomes)
    assert not [secret for secret in WHO.secrets if secret in text]
