"""De-identification by the Basic Application Level Confidentiality Profile (DICOM PS3.15 Annex E, table E.1-1).

The table is the standard's of 2026c, as kept by the package dicom-anonymizer. What is done by it is done here, since
that package leaves what is nested in sequences alone and its UIDs hold for one process. Beyond the table:

- At every depth: what neither the table names nor the allow-list (`tasks/dicom/allowed.py`) permits goes, as do private
  elements, elements that the dictionary does not know or has retired, overlays and curves.
- Free text becomes a dummy. Codes that their scheme defines stay, with the scheme's own meaning in place of the file's.
- Person names, dates and times are emptied, UIDs get pseudonyms. What an element is, the dictionary says: a file that
  calls a UID text does not keep it so.
- In the end, all that is left is searched for the names, ids and dates that the file told.

Where the table leaves a choice (`X/Z/D`), the object stays valid: rather a dummy than nothing, rather empty than gone.
"""

from collections import Counter
from collections.abc import Iterable

from pydicom import DataElement, Dataset, Sequence
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.sr.codedict import codes
from pydicom.tag import BaseTag

from tasks.dicom import allowed
from tasks.dicom.actions import CODED, DUMMY, PIXEL_DATA, Treatment, action_for, remove
from tasks.dicom.codes import coded, restore_code
from tasks.dicom.display_tables import PALETTES, unused_tables
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.residual_identifiers import TEXTS, ResidualIdentifiers, walk
from tasks.dicom.retain import CODES, Retained, days_of, kept_tags

Outcome = tuple[str, str]  # the name of an element, and what became of it
METHOD = "PS3.15 Basic Application Confidentiality Profile 2026c"
UNREADABLE = object()
# Coded strings that say what the pixels are: a patient called Axial or Hu does not change them.
STRUCTURE = frozenset(
    tag_for_keyword(name)
    for name in (
        *("ImageType", "FrameType", "Modality", "ConversionType", "SpecificCharacterSet"),
        *("RescaleType", "ScanningSequence", "SequenceVariant", "PhotometricInterpretation"),
    )
)


def deidentify(dataset: Dataset, pseudonyms: Pseudonyms, retain: list[Retained] | None = None) -> Counter[Outcome]:
    """De-identifies a data set in place; its file meta information is not looked at, since derived objects get new.

    Returns:
        How often each element was kept, emptied, replaced or removed, by its name.
    """
    retain = retain or []
    retained = kept_tags(retain)
    identifiers = ResidualIdentifiers(dataset, retained)
    patient = _patient(dataset)
    outcomes: Counter[Outcome] = Counter()
    days = days_of(patient or str(dataset.get("StudyInstanceUID")), pseudonyms) if "dates" in retain else None

    def clean(item: Dataset, treatment: Treatment) -> None:
        if item is not dataset:  # pixels of its own, which nobody looks at, and what would display them
            outcomes.update(drop(item, {PIXEL_DATA, *PALETTES}))
        outcomes.update(_clean(item, treatment))

    outcomes.update(drop(dataset, unused_tables(dataset)))
    clean(dataset, Treatment(pseudonyms, retained, days, clean))
    for holder, element in walk(dataset):
        before = element.value
        _sweep(holder, element, identifiers)
        after = _outcome(holder, element.tag, before)
        if after != "kept":
            name = element_name(element.tag)
            outcomes[name, after] += 1
            outcomes[name, "kept"] -= outcomes[name, "kept"] > 0
    # `Z` and `Z/D` allow a dummy: here one that keeps a patient's studies together.
    dataset.PatientName = dataset.PatientID = pseudonyms.code("patient", patient) if patient else ""
    for name in ("PatientName", "PatientID") if patient else ():
        if outcomes[name, "emptied"]:
            outcomes[name, "emptied"] -= 1
            outcomes[name, "replaced"] += 1
    dataset.PatientIdentityRemoved = "YES"
    options = [CODES[option] for option in CODES if option in retain]
    dataset.DeidentificationMethod = [METHOD, *(code.meaning for code in options)]
    methods = [codes.cid7050.BasicApplicationConfidentialityProfile, *options]
    dataset.DeidentificationMethodCodeSequence = Sequence([coded(code) for code in methods])
    dataset.LongitudinalTemporalInformationModified = "MODIFIED" if "dates" in retain else "REMOVED"
    return +outcomes


def _clean(dataset: Dataset, treatment: Treatment) -> Counter[Outcome]:
    outcomes: Counter[Outcome] = Counter()
    before = {tag: _value(dataset, tag) for tag in list(dataset.keys())}
    restore_code(dataset)
    for tag, value in before.items():
        action = remove if value is UNREADABLE else action_for(tag, treatment)
        action(dataset, tag, treatment)
        outcome = _outcome(dataset, tag, value)
        if outcome == "removed" or value not in (None, "", b""):
            outcomes[element_name(tag), outcome] += 1
    return outcomes


def drop(dataset: Dataset, tags: Iterable[BaseTag]) -> Counter[Outcome]:
    """Removes elements, and counts those that were there."""
    found = [tag for tag in tags if tag in dataset]
    for tag in found:
        del dataset[tag]
    return Counter((element_name(tag), "removed") for tag in found)


def _value(dataset: Dataset, tag: BaseTag) -> object:
    try:
        return dataset[tag].value
    except Exception:  # what cannot be read cannot be cleaned
        return UNREADABLE


def _outcome(dataset: Dataset, tag: BaseTag, before: object) -> str:
    if tag not in dataset:
        return "removed"
    element = dataset[tag]
    if element.value is before or element.value == before:
        return "kept"
    return "emptied" if element.is_empty else "replaced"


def element_name(tag: BaseTag) -> str:
    """The keyword of an element, or what kind it is: the number of a private one could say whose it is."""
    return keyword_for_tag(tag) or ("private element" if tag.is_private else "unknown element")


def _patient(dataset: Dataset) -> str:
    """What tells a patient from others: the id and its issuer, as two hospitals may both have a 1001; or the name."""
    id = str(dataset.get("PatientID") or "").strip()
    if not id:
        return str(dataset.get("PatientName") or "")
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    for item in dataset.get("IssuerOfPatientIDQualifiersSequence") or ():
        issuer = issuer or str(item.get("UniversalEntityID") or "").strip()
    return f"{id}\0{issuer}" if issuer else id


def _sweep(holder: Dataset, element: DataElement, identifiers: ResidualIdentifiers) -> None:
    """Takes an identifier out of what the profile and the allow-list left."""
    if element.VR in {"OB", "OW"}:
        if element.tag != PIXEL_DATA and identifiers.occur_in(bytes(element.value or b"")):
            del holder[element.tag]
    elif element.VR in TEXTS | allowed.NUMERIC_TEXT and not element.is_empty:
        values = list(element.value) if element.VM > 1 else [element.value]
        structure = element.tag in STRUCTURE
        known = allowed.STRUCTURE_TERMS if structure else ()
        found = [value not in known and identifiers.occur_in(value, whole_words=not structure) for value in values]
        if any(found) and element.VR == "CS":
            element.value = ["" if hit else value for value, hit in zip(values, found, strict=True)]
        elif any(found):
            element.value = None if element.VR in allowed.NUMERIC_TEXT else "" if element.VR in CODED else DUMMY
