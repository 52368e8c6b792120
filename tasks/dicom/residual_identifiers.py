"""What a data set tells of a person, to be looked for in what is left of it once the profile has been applied."""

import re
from collections.abc import Iterator

from pydicom import DataElement, Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag

from tasks.dicom.pseudonyms import is_standard

TEXTS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
BYTES = frozenset({"OB", "OW"})
PIXEL_DATA = BaseTag(0x7FE00010)
IDS = frozenset(
    tag_for_keyword(name)
    for name in (
        "PatientID",
        "OtherPatientIDs",
        "AccessionNumber",
        "StudyID",
        "InstitutionName",
        "StationName",
        "DeviceSerialNumber",
        "PatientTelephoneNumbers",
        "PatientAddress",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "AdmissionID",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
        "PerformedProcedureStepID",
    )
)


def walk(dataset: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every element at every depth with the data set that holds it; those that cannot be read are left out."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:
            continue
        yield dataset, element
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item)


class Known:
    """The names, ids, dates and UIDs that a data set tells, to be looked for in what is left of it."""

    def __init__(self, dataset: Dataset) -> None:
        words: set[str] = set()
        for _, element in walk(dataset):
            for value in _texts(element):
                if element.VR == "PN":
                    words.update(re.split(r"[\^=\s,]+", value))
                    words.update(re.split(r"\W+", value))  # half of a double name, too
                elif element.VR in {"DA", "DT"} and len(value) >= 8:
                    year, month, day = value[:4], value[4:6], value[6:8]
                    words.update((value, value[:8], f"{year}-{month}-{day}", f"{day}.{month}.{year}"))
                    words.update((f"{year}/{month}/{day}", f"{day}/{month}/{year}", f"{month}/{day}/{year}"))
                elif (element.VR == "UI" and not is_standard(value)) or element.tag in IDS:
                    words.add(value)
        words = {word.casefold() for word in words if len(word) > 1}
        edges = r"(?<![^\W_])(?:{})(?![^\W_])"  # neither letter nor digit beside it
        self._pattern = re.compile(edges.format("|".join(map(re.escape, sorted(words))))) if words else None
        self._bytes = [word for word in words if len(word) > 3]

    def inside(self, element: DataElement) -> bool:
        if element.VR in BYTES and element.tag != PIXEL_DATA and element.value:
            data = bytes(element.value).replace(b"\0", b"")  # of text in 16 bits
            views = data.decode("utf-8", "ignore").casefold(), data.decode("latin-1").casefold()
            return any(word in view for word in self._bytes for view in views)
        pattern = self._pattern
        texts = (value.casefold() for value in _texts(element) if not is_standard(value))
        return pattern is not None and any(pattern.search(text) for text in texts)


def _texts(element: DataElement) -> list[str]:
    value = element.value
    if element.VR not in TEXTS | {"PN", "UI", "DA", "DT"} or value is None:
        return []
    return [str(part) for part in ([value] if isinstance(value, str) or element.VM <= 1 else value)]
