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

from collections.abc import Callable

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as standard
from pydicom import DataElement, Dataset, Sequence
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sr.codedict import codes
from pydicom.tag import BaseTag

from tasks.dicom import allowed
from tasks.dicom.codes import coded, restore_code
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.residual_identifiers import TEXTS, ResidualIdentifiers, walk

METHOD = "PS3.15 Basic Application Confidentiality Profile 2026c"
DUMMY = "REMOVED"
PIXEL_DATA = BaseTag(0x7FE00010)
CODED = frozenset({"AE", "CS", "UR"})  # in which a dummy would be taken for something
DUMMIES = {
    "DA": "19000101",
    "TM": "000000",
    "DT": "19000101000000",
    "AS": "000Y",
    "UR": "http://removed.invalid",
    "DS": "0",
    "IS": "0",
    "OB": b"\0\0",
    "OW": b"\0\0",
    "UN": b"\0\0",
    **dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), 0),
}
# Coded strings that say what the pixels are: a patient called Axial or Hu does not change them.
STRUCTURE = frozenset(
    tag_for_keyword(name)
    for name in (
        *("ImageType", "FrameType", "Modality", "ConversionType", "SpecificCharacterSet"),
        *("RescaleType", "ScanningSequence", "SequenceVariant", "PhotometricInterpretation"),
    )
)
CODE = frozenset(tag_for_keyword(name) for name in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))


def deidentify(dataset: Dataset, pseudonyms: Pseudonyms) -> None:
    """De-identifies a data set in place; its file meta information is not looked at, since derived objects get new."""
    identifiers = ResidualIdentifiers(dataset)
    patient = _patient(dataset)
    _clean(dataset, pseudonyms)
    for holder, element in walk(dataset):
        _sweep(holder, element, identifiers)
    # `Z` and `Z/D` allow a dummy: here one that keeps a patient's studies together.
    dataset.PatientName = dataset.PatientID = pseudonyms.code("patient", patient) if patient else ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.DeidentificationMethodCodeSequence = Sequence([coded(codes.cid7050.BasicApplicationConfidentialityProfile)])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


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


def _clean(dataset: Dataset, pseudonyms: Pseudonyms) -> None:
    restore_code(dataset)
    for tag in list(dataset.keys()):
        action = _action(tag)
        try:
            dataset[tag]
        except Exception:  # a value that cannot be read cannot be cleaned
            action = _remove
        action(dataset, tag, pseudonyms)


def _remove(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    del dataset[tag]


def _empty(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    element = dataset[tag]
    element.value = Sequence() if element.VR == "SQ" else element.empty_value


def _empty_or_remove(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    """`X/Z`: of sequences, only the acquisition context is one that must be there although it may be empty."""
    optional = dataset[tag].VR == "SQ" and dataset[tag].keyword != "AcquisitionContextSequence"
    (_remove if optional else _empty)(dataset, tag, pseudonyms)


def _replace(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    element = dataset[tag]
    if element.VR == "SQ":
        element.value = Sequence()
    elif element.VR == "UI":
        _replace_uids(dataset, tag, pseudonyms)
    else:
        element.value = DUMMIES.get(element.VR, DUMMY)


def _remove_sequence(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    """`X/D`, `X/Z/D`: no dummy would do for a sequence, and none of those is required of an image."""
    (_remove if dataset[tag].VR == "SQ" else _replace)(dataset, tag, pseudonyms)


def _replace_uids(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    """UIDs by pseudonyms; what holds items (`X/Z/U*` of the table, and what it does not name) is cleaned inside."""
    element = dataset[tag]
    if element.VR == "SQ":
        for item in element.value:
            _clean(item, pseudonyms)
    elif element.VR in TEXTS | {"UI"} and dictionary_VR(tag) != "SQ":
        uids = [element.value] if element.VM <= 1 else element.value
        dataset.add_new(tag, "UI", [pseudonyms.uid(str(uid or "")) for uid in uids])
    else:
        del dataset[tag]


def _keep_if_allowed(dataset: Dataset, tag: BaseTag, pseudonyms: Pseudonyms) -> None:
    """What the table does not name: see `tasks/dicom/allowed.py`."""
    element, kind = dataset[tag], dictionary_VR(tag)
    if {element.VR, kind} & {"SQ", "UI"}:
        _replace_uids(dataset, tag, pseudonyms)
    elif tag in CODE or tag in allowed.TABLES or {element.VR, kind} <= allowed.NUMBERS:
        return
    elif kind in allowed.NUMERIC_TEXT:
        if kind != element.VR or not allowed.is_numeric(element):
            element.value = element.empty_value
    elif kind in TEXTS and element.VR in TEXTS:
        _keep_terms(dataset, tag)
    elif kind in {"PN", "DA", "DT", "TM", "AS"}:
        element.value = element.empty_value
    else:
        del dataset[tag]


def _keep_terms(dataset: Dataset, tag: BaseTag) -> None:
    element = dataset[tag]
    if element.is_empty:
        return
    texts = allowed.cleaned(element)
    if texts is None:
        texts = ["" if dictionary_VR(tag) in CODED else DUMMY]
    dataset.add_new(tag, dictionary_VR(tag), texts if len(texts) > 1 else texts[0])


Action = Callable[[Dataset, BaseTag, Pseudonyms], None]
ACTIONS: dict[BaseTag, Action] = {
    BaseTag(group << 16 | number): action
    for tags, action in (
        (standard.D_TAGS, _replace),
        (standard.Z_TAGS, _empty),
        (standard.X_TAGS, _remove),
        (standard.U_TAGS, _replace_uids),
        (standard.Z_D_TAGS, _replace),
        (standard.X_Z_TAGS, _empty_or_remove),
        (standard.X_D_TAGS, _remove_sequence),
        (standard.X_Z_D_TAGS, _remove_sequence),
        (standard.X_Z_U_STAR_TAGS, _replace_uids),
    )
    for group, number, *mask in tags
    if not mask  # the repeating groups 50xx and 60xx, which go as a whole
}


def _action(tag: BaseTag) -> Action:
    if tag in ACTIONS:
        return ACTIONS[tag]
    return _keep_if_allowed if allowed.is_known(tag) and tag.group & 0xFF00 not in {0x5000, 0x6000} else _remove
