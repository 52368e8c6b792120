"""De-identification by the Basic Application Level Confidentiality Profile (DICOM PS3.15 Annex E, table E.1-1).

The table is the standard's of 2026c, as kept by the package dicom-anonymizer. What is done by it is done here, since
that package leaves what is nested in sequences alone and its UIDs hold for one process. Beyond the table:

- At every depth: private elements, elements that the dictionary does not know, overlays and curves go as a whole.
- Elements that the table does not name: person names, dates and times are emptied, UIDs get pseudonyms. What an
  element is, the dictionary says: a file that calls a UID text does not keep it so.
- In the end, every text that is left is searched for the names, ids and dates that were found: who is careless enough
  to write a name into a comment does not do it in the elements of the table alone.

Where the table leaves a choice (`X/Z/D`), the object stays valid: rather a dummy than nothing, rather empty than gone.
"""

from collections.abc import Callable

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as standard
from pydicom import Dataset, Sequence
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.sr.codedict import codes
from pydicom.tag import BaseTag

from tasks.dicom.codes import coded
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.residual_identifiers import TEXTS, Known, walk

METHOD = "PS3.15 Basic Application Confidentiality Profile 2026c"
DUMMY = "REMOVED"
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
        *("RescaleType", "ScanningSequence", "SequenceVariant"),
    )
)


def deidentify(dataset: Dataset, pseudonyms: Pseudonyms) -> None:
    """De-identifies a data set in place; its file meta information is not looked at, since derived objects get new."""
    known = Known(dataset)
    patient = str(dataset.get("PatientID") or dataset.get("PatientName") or "")
    _clean(dataset, pseudonyms)
    for holder, element in walk(dataset):
        if element.tag not in STRUCTURE and known.inside(element):
            if element.VR in TEXTS:
                element.value = "" if element.VR in CODED else DUMMY
            else:
                del holder[element.tag]
    # `Z` and `Z/D` allow a dummy: here one that keeps a patient's studies together.
    dataset.PatientName = dataset.PatientID = pseudonyms.code("patient", patient) if patient else ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.DeidentificationMethodCodeSequence = Sequence([coded(codes.cid7050.BasicApplicationConfidentialityProfile)])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _clean(dataset: Dataset, pseudonyms: Pseudonyms) -> None:
    for tag in list(dataset.keys()):
        action = _action(tag)
        try:
            element = dataset[tag]
        except Exception:  # a value that cannot be read cannot be cleaned
            action = _remove
        if action is not None:
            action(dataset, tag, pseudonyms)
            continue
        kinds = {element.VR, dictionary_VR(tag)}
        if kinds & {"SQ", "UI"}:
            _replace_uids(dataset, tag, pseudonyms)
        elif "UN" in kinds:
            del dataset[tag]
        elif kinds & {"PN", "DA", "DT", "TM"}:
            element.value = element.empty_value


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


def _action(tag: BaseTag) -> Action | None:
    if tag.is_private or tag.group & 0xFF00 in {0x5000, 0x6000} or not dictionary_has_tag(tag):
        return _remove
    return ACTIONS.get(tag)
