"""The Basic Profile: no identity is left anywhere, what is no identity stays, and pseudonyms agree."""

import io

import numpy as np
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as standard
from pydicom import Dataset, Sequence, dcmread
from pydicom.datadict import DicomDictionary, dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.tag import Tag

from tasks.dicom import allowed
from tasks.dicom.codes import coded
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


FREE_TEXT = (
    "SequenceName",
    "ContrastBolusRoute",
    "ReceiveCoilName",
    "WindowCenterWidthExplanation",
    "SoftwareVersions",
)
SENTENCES = (
    *(
        "患者王小东左膝",
        "김민수환자",
        "佐藤花子様",
        "测试第九医院放射科",
        "生于1943年2月3日",
        "昭和18年2月3日",
        "knee TestZzname",
    ),
    *("zzname2", "ZZNAMETEST_ADC", "knee ZZPID77A", "mother brought her", "左膝".encode("gbk").decode("latin-1")),
)


@pytest.mark.parametrize("text", SENTENCES)
def test_no_free_text_stays_whatever_it_says(text: str) -> None:
    item = coded(codes.SCT.KneeJoint)
    item.CodeMeaning = text
    made = with_values(**dict.fromkeys(FREE_TEXT, text), AnatomicRegionSequence=Sequence([item]))
    assert {str(made[name].value) for name in FREE_TEXT} == {"REMOVED"}
    assert made.AnatomicRegionSequence[0].CodeMeaning == codes.SCT.KneeJoint.meaning
    assert made.AnatomicRegionSequence[0].CodeValue == codes.SCT.KneeJoint.value


@pytest.mark.parametrize(("value", "scheme"), [("T-1", "SRT"), ("ZZPID77", "99KLINIK"), ("19430203", "SCT"), ("", "")])
def test_a_code_that_its_scheme_does_not_define_goes(value: str, scheme: str) -> None:
    item = coded(Code(value, scheme, "knee of Zzyquist"))
    (made,) = with_values(AnatomicRegionSequence=Sequence([item])).AnatomicRegionSequence
    assert (made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning) == ("REMOVED", "99REMOVED", "REMOVED")


def test_known_terms_stay() -> None:
    values = {
        "Manufacturer": "SIEMENS Healthineers",
        "ConvolutionKernel": "B30f",
        "RescaleType": "HU",
        "WindowCenterWidthExplanation": ["WINDOW1", "BRAIN"],
        "BodyPartExamined": "KNEE",
        "KVP": "120",
    }
    made = with_values(**values)
    assert {name: made[name].value for name in values} == values
    assert with_values(Manufacturer="Siemens Zzother").Manufacturer == "REMOVED"


@pytest.mark.parametrize(
    "text",
    ["ZZYQUIST", "LUND", "ZZYQUIST_1", "ANN/2", "OF 1943-02-03", "3.2.1943", "02/03/1943", "19430203", "TESTZZYQUIST"],
)
def test_name_or_date_among_coded_strings_is_found(text: str) -> None:
    assert with_values(BodyPartExamined=text).BodyPartExamined == ""
    assert not with_values(BodyPartExamined=["KNEE", "knee of Zz"]).BodyPartExamined[1]


def test_name_in_the_image_type_is_found() -> None:
    made = with_values(ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "ZZYQUIST_ADC"])
    assert "ZZYQUIST" not in str(made.ImageType)


def test_number_that_is_the_patient_s_goes_and_text_in_a_number_s_place() -> None:
    made = with_values(PatientID="19430203", SeriesNumber="19430203", AcquisitionNumber="7")
    assert (made.SeriesNumber, made.AcquisitionNumber) == (None, 7)
    dataset = open_dicom(sample("CT_small.dcm"))
    dataset.add(DataElement(dataset["KVP"].tag, "LO", "Zzother"))
    deidentify(dataset, NAMES)
    assert not dataset.KVP


def test_birth_and_death_in_another_calendar_go() -> None:
    made = with_values(
        PatientBirthDateInAlternativeCalendar="昭和18年2月3日",
        PatientDeathDateInAlternativeCalendar="5771-06-11",
        PatientAlternativeCalendar="JAPANESE",
    )
    assert not [element.name for element in made if "Calendar" in element.name]


def test_what_the_table_forgot_goes() -> None:
    """Retired order numbers, devices, media, comments of a scheduled step."""
    names = ("StorageMediaFileSetID", "DeviceID", "RadiationMachineName", "CommentsOnTheScheduledProcedureStep")
    retired = (0x00401006, 0x00401007, 0x00402006, 0x00402007)
    dataset = open_dicom(sample("CT_small.dcm"))
    for tag in (*retired, *map(tag_for_keyword, names)):
        dataset.add_new(tag, dictionary_VR(tag), "ZZ123")
    deidentify(dataset, NAMES)
    assert "ZZ123" not in str(dataset)
    assert not {*retired, *map(tag_for_keyword, names)} & set(dataset.keys())


def test_every_text_of_the_dictionary_loses_its_value() -> None:
    """At the top and in an item, whether the table names it or not."""
    kept = set()
    for tag in map(Tag, DicomDictionary):
        kind = dictionary_VR(tag)
        if kind not in {"LO", "SH", "ST", "LT", "UC", "UT", "UR", "AE", "PN", "AS", "OB", "OW", "UN"} or tag.group <= 2:
            continue
        if tag in allowed.TABLES:
            continue
        value = b"Zzother" if kind in {"OB", "OW", "UN"} else "Zzother"
        item, dataset = Dataset(), Dataset()
        item.add_new(tag, kind, value)
        dataset.add_new(tag, kind, value)
        dataset.AnatomicRegionSequence = Sequence([item])
        deidentify(dataset, NAMES)
        if "Zzother" in str(dataset):
            kept.add(keyword_for_tag(tag))
    assert kept == set()


def test_one_id_at_two_hospitals_is_two_patients() -> None:
    first, second, again = (
        with_values(PatientID="1001", IssuerOfPatientID=issuer).PatientID for issuer in ("HOSPA", "HOSPB", "HOSPA")
    )
    assert first == again != second


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


def test_unknown_words_of_coded_strings_go_and_terms_stay() -> None:
    """A name that no other element tells, in elements whose values are terms."""
    terms = {"BodyPartExamined": "CHEST", "ScanOptions": ["HELICAL MODE", "EP"], "PatientPosition": "HFDR"}
    dataset = with_values(**dict.fromkeys(terms, "ZZMOTHER QUILL"), ImageType=["ORIGINAL", "PRIMARY", "ZZMOTHER"])
    assert not [name for name in terms if dataset.get(name)]
    assert dataset.ImageType == ["ORIGINAL", "PRIMARY", ""]
    kept = with_values(**terms, ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"])
    assert {name: kept[name].value for name in terms} == terms
    assert kept.ImageType == ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]


TEXT = b"Zzmother Quill was here, too"


def test_text_in_binary_tables_goes() -> None:
    table, palette = Dataset(), {f"{colour}PaletteColorLookupTableData": TEXT for colour in ("Red", "Green", "Blue")}
    table.LUTDescriptor, table.LUTData = [len(TEXT) // 2, 0, 16], TEXT
    dataset = with_values(**palette, ICCProfile=TEXT, VOILUTSequence=[table])
    assert TEXT not in to_bytes(derive(dataset, np.zeros((1, 9, 9, 1), np.int16), "", "", NAMES))
    ramp = np.arange(0x2020, 0x2020 + 20, dtype="<u2").tobytes()  # of printable bytes, and yet a table
    table.LUTData = ramp
    assert with_values(VOILUTSequence=[table]).VOILUTSequence[0].LUTData == ramp


def test_pixels_within_sequences_go() -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 4
    icon.PixelData = b"Zzmother Quill!!"
    made = with_values(ReferencedImageSequence=[icon])
    assert "PixelData" not in made.ReferencedImageSequence[0]
    assert "PixelData" in made
