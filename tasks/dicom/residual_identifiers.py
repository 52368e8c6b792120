"""What a data set tells of a person, to be looked for in what is left of it once the profile has been applied.

The second line of defence: the profile keeps no free text, so that what is searched here are coded strings, known
terms, numbers and colour profiles.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from unicodedata import normalize

from pydicom import DataElement, Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag

from tasks.dicom.pseudonyms import is_standard

TEXTS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
INSIDE = 4  # letters or digits: shorter words count only where no letter or digit stands beside them
NUMBER = 6  # digits of an id that no series or frame number has by chance
ERAS = (
    543,
    -1867,
    -1911,
    -1925,
    -1988,
    -2018,
)  # from our year: Buddhist; Meiji; Taisho and Minguo; Showa; Heisei; Reiwa
IDS = frozenset(
    tag_for_keyword(name)
    for name in (
        *("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "InstitutionName", "StationName"),
        *("DeviceSerialNumber", "DeviceID", "PatientTelephoneNumbers", "PatientAddress", "AdmissionID"),
        *("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"),
        *("PlacerOrderNumberImagingServiceRequestRetired", "FillerOrderNumberImagingServiceRequestRetired"),
        *("PlacerOrderNumberProcedure", "FillerOrderNumberProcedure", "MedicalRecordLocator"),
        *("RequestedProcedureID", "ScheduledProcedureStepID", "PerformedProcedureStepID"),
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


class ResidualIdentifiers:
    """The names, ids, dates and UIDs that a data set tells, to be looked for in what is left of it."""

    def __init__(self, dataset: Dataset, retained: Collection[BaseTag] = ()) -> None:
        """`retained`: elements that stay as they are, and so are none."""
        words: set[str] = set()
        for _, element in walk(dataset):
            if element.tag in retained:
                continue
            for value in _texts(element):
                if element.VR == "PN":
                    words.update(name_forms(value))
                elif element.VR in {"DA", "DT"} and re.match(r"\d{8}", value):
                    words.update(date_forms(int(value[:4]), int(value[4:6]), int(value[6:8])))
                elif (element.VR == "UI" and not is_standard(value)) or element.tag in IDS:
                    words.add(value)
        words = {_folded(word) for word in words if len(word) > 1}
        numbers = {word for word in words if word.isdecimal()}
        inside = {word for word in words - numbers if len(word) >= INSIDE or not word.isascii()}
        self._inside = [_any_of(inside, "{}"), _any_of(numbers, r"(?<!\d)(?:{})(?!\d)")]
        self._words = _any_of(words - numbers - inside, r"(?<![^\W_])(?:{})(?![^\W_])")
        self._numbers = {word for word in numbers if len(word) >= NUMBER}
        self._bytes = [word for word in words if len(word) >= INSIDE]

    def occur_in(self, value: object, whole_words: bool = True) -> bool:
        """Whether one of them stands in a text, a table's bytes, or is a number.

        Args:
            whole_words: seek those of two and three letters, too, of which some are terms (`HU`, `SE`).
        """
        if isinstance(value, bytes):
            data = value.replace(b"\0", b"")  # of text in 16 bits
            views = _folded(data.decode("utf-8", "ignore")), _folded(data.decode("latin-1"))
            return any(word in view for word in self._bytes for view in views)
        if not isinstance(value, str):
            return str(value) in self._numbers
        patterns = (*self._inside, self._words if whole_words else None)
        return any(pattern.search(_folded(value)) for pattern in patterns if pattern)


def name_forms(value: str) -> Iterator[str]:
    """The parts of a person's name, and family and given name as they are written in one where no space is."""
    for group in value.split("="):
        parts = [part for part in re.split(r"[\^\s,]+", group) if part]
        yield from parts
        yield from re.split(r"\W+", group)  # half of a double name, too
        if len(parts) > 1:
            yield from (parts[0] + parts[1], parts[1] + parts[0])


def date_forms(year: int, month: int, day: int) -> Iterator[str]:
    """A date as it is written: in digits, in Chinese, Japanese and Korean, and by the years of other calendars."""
    for m, d in {(f"{month:02d}", f"{day:02d}"), (str(month), str(day))}:
        for mark in "-./ ":
            yield from (f"{year}{mark}{m}{mark}{d}", f"{d}{mark}{m}{mark}{year}", f"{m}{mark}{d}{mark}{year}")
        for other in (year, *(year + shift for shift in ERAS)):
            if other > 0:
                yield from (f"{other}年{m}月{d}日", f"{other}년 {m}월 {d}일", f"{other}년{m}월{d}일")
    yield f"{year}{month:02d}{day:02d}"


def _any_of(words: Iterable[str], around: str) -> re.Pattern[str] | None:
    return re.compile(around.format("|".join(map(re.escape, sorted(words))))) if words else None


def _folded(text: str) -> str:
    """Without case, and full-width or Arabic-Indic digits and letters as ASCII's."""
    text = normalize("NFKC", text).casefold()
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


def _texts(element: DataElement) -> list[str]:
    value = element.value
    if element.VR not in TEXTS | {"PN", "UI", "DA", "DT"} or value is None:
        return []
    return [str(part) for part in ([value] if isinstance(value, str) or element.VM <= 1 else value)]
