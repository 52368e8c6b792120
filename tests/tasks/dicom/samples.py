"""Sample objects: pydicom's own and those of the package pydicom-data, and what is planted in them."""

import io
from pathlib import Path

import data_store
import pydicom
from pydicom import Dataset, Sequence, dcmread
from pydicom.dataelem import DataElement
from pydicom.uid import UID

ROOTS = (Path(pydicom.__file__).parent / "data" / "test_files", Path(data_store.__file__).parent / "data")


def sample(name: str) -> bytes:
    return next(root / name for root in ROOTS if (root / name).exists()).read_bytes()


def samples() -> list[str]:
    """The names of all sample files."""
    found = {str(path.relative_to(root)) for root in ROOTS for path in root.rglob("*") if path.is_file()}
    return sorted(name for name in found if not name.endswith((".py", ".pyc")))


class Identity:
    """A patient who is nobody, with everything that could give her away; all of it can be told from other text."""

    def __init__(self, number: int) -> None:
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}")
        self.family, self.given = f"Zzyq{letters}quist", f"Perpetüa{letters}"
        self.id, self.accession = f"PID-{number:05d}-X91", f"ACC{number:05d}Q7"
        self.birth, self.day = f"1943{1 + number % 12:02d}{1 + number % 28:02d}", f"2011{1 + number % 12:02d}17"
        self.institution, self.phone = f"Klinik{letters}haus", f"+49-555-{number:05d}"
        self.root = f"1.2.826.0.1.3680043.99.{7000000 + number}"

    @property
    def name(self) -> str:
        return f"{self.family}^{self.given}"

    @property
    def secrets(self) -> list[str]:
        """What must be found nowhere; the patient's dates too, which are of no other patient's."""
        return [
            *(self.family, self.given, self.id, self.accession, self.institution, self.phone, self.root),
            *(f"{self.birth}T", f"{self.day}Z"),
            *(self.birth, self.day),
        ]


def plant(data: bytes, who: Identity, instance: int = 0) -> bytes:
    """A sample with an identity in every place that could hold one."""
    dataset = dcmread(io.BytesIO(data))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = who.name, who.id, who.birth
    dataset.AccessionNumber, dataset.InstitutionName = who.accession, who.institution
    dataset.OtherPatientIDs, dataset.PatientTelephoneNumbers = [who.id, f"{who.id}B"], who.phone
    dataset.ReferringPhysicianName = dataset.OperatorsName = f"Dr. {who.family}"
    for date in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate"):
        setattr(dataset, date, who.day)
    dataset.AcquisitionDateTime = f"{who.day}101112"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{who.root}.1", f"{who.root}.1.2"
    dataset.SOPInstanceUID, dataset.FrameOfReferenceUID = f"{who.root}.1.2.{instance}", f"{who.root}.9"
    dataset.StudyDescription = f"Control of {who.given} {who.family}, {who.birth}"
    dataset.ImageComments = f"{who.family} called from {who.phone}"
    _plant_deep(dataset, who)
    _plant_bytes(dataset, who)
    out = io.BytesIO()
    dataset.preamble = who.family.encode().ljust(128, b"\0")
    dataset.save_as(out, enforce_file_format=False)
    return out.getvalue() + f"appended: {who.name}".encode()


def _plant_deep(dataset: Dataset, who: Identity) -> None:
    """In sequences, and in text elements that the standard's table does not name."""
    inner = Dataset()
    inner.PatientName, inner.PatientID = who.name, who.id
    inner.ReferencedSOPInstanceUID = f"{who.root}.77"
    inner.ReferencedSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    inner.StudyDate = who.day
    inner.TextValue = f"seen by {who.family}"
    inner.private_block(0x0011, "HIDDEN", create=True).add_new(1, "LO", who.id)
    outer = Dataset()
    outer.ReferencedImageSequence = Sequence([inner])
    outer.CodeMeaning = f"of {who.family}"
    dataset.ReferencedImageSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([outer])
    dataset.AnatomicRegionSequence = Sequence([outer])
    dataset.FilterMaterial = "COPPER"
    dataset.ContrastBolusRoute = f"{who.family} oral"
    dataset.SpatialLocationsPreserved = "YES"
    dataset.AcquisitionDeviceProcessingCode = who.given
    dataset.PatientSpeciesDescription = f"human {who.id}"
    _plant_forgotten(dataset, who)


def _plant_forgotten(dataset: Dataset, who: Identity) -> None:
    """Where the standard's table has gaps: retired elements, devices, media, other calendars, names without edges."""
    for tag in (0x00401006, 0x00401007, 0x00402006, 0x00402007):
        dataset.add(DataElement(tag, "SH", who.accession))
    dataset.DeviceID, dataset.RadiationMachineName = f"of {who.institution}", who.institution
    dataset.StorageMediaFileSetID = who.accession
    dataset.CommentsOnTheScheduledProcedureStep = f"{who.given}'s mother"
    dataset.PatientBirthDateInAlternativeCalendar = f"old style {who.birth}"
    dataset.ReceiveCoilName = f"{who.family}2"
    dataset.WindowCenterWidthExplanation = f"{who.family}_{who.birth}"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", f"{who.family.upper()}A"[:16]]


def _plant_bytes(dataset: Dataset, who: Identity) -> None:
    """In private elements, unknown ones, overlays, a profile, and the file meta information."""
    block = dataset.private_block(0x0029, f"ACME {who.institution}", create=True)
    block.add_new(1, "LO", who.name)
    block.add_new(2, "OB", who.name.encode() + b"\0" * (len(who.name.encode()) % 2))
    item = Dataset()
    item.PatientName = who.name
    block.add_new(3, "SQ", Sequence([item]))
    dataset.add(DataElement(0x00990010, "LO", who.family))
    dataset.add(DataElement(0x60000022, "LO", who.name))
    dataset.add(DataElement(0x60003000, "OW", who.family.encode().ljust(40, b" ")))
    dataset.add(DataElement(0x60004000, "LT", who.name))
    dataset.add(DataElement(0x00282000, "OB", b"profile of " + who.family.encode().ljust(31)))
    dataset.file_meta.SourceApplicationEntityTitle = who.accession
    dataset.file_meta.ImplementationVersionName = who.accession
    dataset.file_meta.PrivateInformationCreatorUID = f"{who.root}.5"
    dataset.file_meta.PrivateInformation = who.family.encode().ljust(40)
