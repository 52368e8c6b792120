"""The Basic Profile: no identity is left anywhere, what is no identity stays, and pseudonyms agree."""

import io

import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as standard
from pydicom import Dataset, Sequence, dcmread
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag

from tasks.dicom.derive import derive, to_bytes
from tasks.dicom.open import open_dicom
from tasks.dicom.pixels import decode
from tasks.dicom.profile import deidentify
from tasks.dicom.pseudonyms import Pseudonyms
from tests.tasks.dicom.samples import Identity, plant, sample

NAMES = Pseudonyms("a key that is only good for tests, as all can read it")
WHO = Identity(17)


def cleaned(data: bytes, names: Pseudonyms = NAMES) -> bytes:
    dataset = open_dicom(data)
    pixels = decode(dataset)
    deidentify(dataset, names)
    return to_bytes(derive(dataset, pixels, "", "", names))


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "examples_palette.dcm", "eCT_Supplemental.dcm", "MR_small_bigendian.dcm"]
)
def test_nothing_planted_is_left(name: str) -> None:
    planted = plant(sample(name), WHO)
    assert all(secret.encode() in planted for secret in WHO.secrets if secret[-1] not in "TZ")
    made = cleaned(planted).lower()
    left = [
        secret for secret in WHO.secrets for coding in ("utf-8", "latin-1") if secret.lower().encode(coding) in made
    ]
    assert not left


def test_harmless_text_beside_an_identity_stays() -> None:
    dataset = dcmread(io.BytesIO(cleaned(plant(sample("CT_small.dcm"), WHO))))
    assert dataset.FilterMaterial == "COPPER"
    assert dataset.SpatialLocationsPreserved == "YES"
    assert dataset.Modality == "CT"
    assert dataset.KVP == dcmread(io.BytesIO(sample("CT_small.dcm"))).KVP
    assert dataset.ContrastBolusRoute == "REMOVED"
    assert dataset.PatientSpeciesDescription == "REMOVED", "it may not be empty"


def test_marks_say_what_was_done() -> None:
    dataset = dcmread(io.BytesIO(cleaned(sample("CT_small.dcm"))))
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert dataset.LongitudinalTemporalInformationModified == "REMOVED"


def test_one_patient_two_studies_keep_together() -> None:
    first, second = (
        dcmread(io.BytesIO(cleaned(plant(sample(name), WHO)))) for name in ("CT_small.dcm", "MR_small.dcm")
    )
    other = dcmread(io.BytesIO(cleaned(plant(sample("CT_small.dcm"), Identity(18)))))
    assert first.PatientID == second.PatientID != other.PatientID
    assert first.StudyInstanceUID == second.StudyInstanceUID != other.StudyInstanceUID
    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID


def test_another_key_gives_other_pseudonyms() -> None:
    data = plant(sample("CT_small.dcm"), WHO)
    one, same, another = (
        dcmread(io.BytesIO(cleaned(data, names)))
        for names in (NAMES, NAMES, Pseudonyms("another key, as long as it must be"))
    )
    assert one.StudyInstanceUID == same.StudyInstanceUID != another.StudyInstanceUID
    assert one.PatientID == same.PatientID != another.PatientID


def test_references_follow_their_instances() -> None:
    dataset = open_dicom(plant(sample("CT_small.dcm"), WHO, instance=3))
    dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    deidentify(dataset, NAMES)
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.ReferencedImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_every_element_of_the_table_loses_its_value() -> None:
    """Whatever the table names, in a data set and in an item of a sequence; values of each representation."""
    secret = {"DA": "20110317", "TM": "111213", "DT": "20110317111213", "AS": "068Y", "UI": "1.2.3.4567", "DS": "17.25"}
    secret |= {"IS": "1725", "OB": b"secret", "UN": b"secret", "OW": b"secret", "UR": "http://secret.example"}
    kept = []
    for tag in (Tag(pair) for pair in standard.ALL_TAGS if len(pair) == 2 and pair[0] != 0x0002):
        kind = dictionary_VR(tag).split(" ")[0] if dictionary_has_tag(tag) else "LO"
        if kind in {"SQ", "FL", "FD", "US", "UL", "SS", "SL", "AT", "OD", "OF"}:
            continue
        item, dataset = Dataset(), Dataset()
        item.add_new(tag, kind, secret.get(kind, "secret"))
        dataset.add_new(tag, kind, secret.get(kind, "secret"))
        dataset.AnatomicRegionSequence = Sequence([item])
        deidentify(dataset, NAMES)
        for holder in (dataset, *dataset.AnatomicRegionSequence):
            if tag in holder and holder[tag].value == secret.get(kind, "secret"):
                kept.append(keyword_for_tag(tag))
    assert kept == []


def test_element_that_cannot_be_read_goes() -> None:
    dataset = Dataset()
    dataset[0x00181030] = RawDataElement(Tag(0x00181030), "ZZ", 6, b"secret", 0, False, True)
    dataset[0x00180050] = RawDataElement(Tag(0x00180050), "FD", 3, b"abc", 0, False, True)
    deidentify(dataset, NAMES)
    assert Tag(0x00181030) not in dataset
    assert Tag(0x00180050) not in dataset


def with_values(**values: object) -> Dataset:
    """CT_small of one `Zzyquist-Lund^Ann`, born on 3 February 1943, with other values, de-identified."""
    dataset = open_dicom(sample("CT_small.dcm"))
    dataset.PatientName, dataset.PatientBirthDate = "Zzyquist-Lund^Ann", "19430203"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    deidentify(dataset, NAMES)
    return dataset


@pytest.mark.parametrize(
    "text", ["zzyquist", "LUND", "zzyquist_1", "Ann/2", "of 1943-02-03", "3.2: 03.02.1943", "02/03/1943", "19430203"]
)
def test_name_or_date_in_another_shape_is_found(text: str) -> None:
    assert with_values(SequenceName=text).SequenceName == "REMOVED"


def test_blob_with_the_name_in_capitals_or_in_16_bits_goes() -> None:
    for blob in ("x MÜLLER-LUND".encode(), "x MÜLLER".encode("latin-1"), "desc Müller".encode("utf-16-be")):
        assert "ICCProfile" not in with_values(ReferringPhysicianName="Müller^Eva", ICCProfile=blob)


def test_short_name_or_number_that_a_code_holds_changes_no_code() -> None:
    """An id of 20 is no reason to lose that the object is of class ...1.1.20, nor a patient called Hu the unit."""
    nuclear = "1.2.840.10008.5.1.4.1.1.20"
    made = with_values(
        PatientID="20", PatientName="Hu^Se", SOPClassUID=nuclear, RescaleType="HU", ScanningSequence="SE"
    )
    assert (made.SOPClassUID, made.RescaleType, made.ScanningSequence) == (nuclear, "HU", "SE")


def test_what_an_element_is_the_dictionary_says() -> None:
    """UIDs that the file calls text, a sequence that it calls bytes, and a date and a name that it calls text."""
    dataset = open_dicom(sample("CT_small.dcm"))
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        dataset.add(DataElement(dataset[keyword].tag, "LO", "1.2.3.4567"))
    dataset.add(DataElement(0x00082218, "OB", b"Zzyquist"))
    dataset.DateOfGainCalibration = None
    dataset.add(DataElement(dataset["DateOfGainCalibration"].tag, "LO", "3 Feb 1943"))
    deidentify(dataset, NAMES)
    assert dataset.StudyInstanceUID == dataset.FrameOfReferenceUID == NAMES.uid("1.2.3.4567")
    assert "AnatomicRegionSequence" not in dataset
    assert not dataset.DateOfGainCalibration
