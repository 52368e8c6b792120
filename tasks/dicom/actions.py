"""What is done to a single element: the actions of table E.1-1 of PS3.15, and the allow-list for what it does not name.

An action changes a data set in place. What is in a sequence is cleaned through `Treatment.clean`.
"""

from collections.abc import Callable

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as standard
from pydicom import Dataset, Sequence
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag

from tasks.dicom import allowed
from tasks.dicom.display_tables import reads_as_text
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.residual_identifiers import TEXTS
from tasks.dicom.retain import is_moved, moved

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
CODE = frozenset(tag_for_keyword(name) for name in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))


class Treatment:
    """How the elements of one object are treated.

    Attributes:
        retained: elements that stay as they are.
        days: by which its dates are moved; None: they go.
        clean: cleans the items of a sequence.
    """

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        retained: frozenset[BaseTag],
        days: int | None,
        clean: Callable[[Dataset, "Treatment"], None],
    ) -> None:
        self.pseudonyms = pseudonyms
        self.retained = retained
        self.days = days
        self.clean = clean


def remove(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    del dataset[tag]


def _empty(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    element = dataset[tag]
    element.value = Sequence() if element.VR == "SQ" else element.empty_value


def _empty_or_remove(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    """`X/Z`: of sequences, only the acquisition context is one that must be there although it may be empty."""
    optional = dataset[tag].VR == "SQ" and dataset[tag].keyword != "AcquisitionContextSequence"
    (remove if optional else _empty)(dataset, tag, treatment)


def _replace(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    element = dataset[tag]
    if element.VR == "SQ":
        element.value = Sequence()
    elif element.VR == "UI":
        _replace_uids(dataset, tag, treatment)
    else:
        element.value = DUMMIES.get(element.VR, DUMMY)


def _remove_sequence(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    """`X/D`, `X/Z/D`: no dummy would do for a sequence, and none of those is required of an image."""
    (remove if dataset[tag].VR == "SQ" else _replace)(dataset, tag, treatment)


def _replace_uids(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    """UIDs by pseudonyms; what holds items (`X/Z/U*` of the table, and what it does not name) is cleaned inside."""
    element = dataset[tag]
    if element.VR == "SQ":
        for item in element.value:
            treatment.clean(item, treatment)
    elif element.VR in TEXTS | {"UI"} and dictionary_VR(tag) != "SQ":
        uids = [element.value] if element.VM <= 1 else element.value
        dataset.add_new(tag, "UI", [treatment.pseudonyms.uid(str(uid or "")) for uid in uids])
    else:
        del dataset[tag]


def _keep_if_allowed(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    """What the table does not name: see `tasks/dicom/allowed.py`."""
    element, kind = dataset[tag], dictionary_VR(tag)
    if {element.VR, kind} & {"SQ", "UI"}:
        _replace_uids(dataset, tag, treatment)
    elif tag in allowed.TABLES:
        if tag != PIXEL_DATA and reads_as_text(element.value):
            del dataset[tag]
    elif tag in CODE or {element.VR, kind} <= allowed.NUMBERS:
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


Action = Callable[[Dataset, BaseTag, Treatment], None]
ACTIONS: dict[BaseTag, Action] = {
    BaseTag(group << 16 | number): action
    for tags, action in (
        (standard.D_TAGS, _replace),
        (standard.Z_TAGS, _empty),
        (standard.X_TAGS, remove),
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


def _retain(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    """Keeps an element, and of a sequence what the profile leaves of its items."""
    element, kind = dataset[tag], dictionary_VR(tag)
    if {element.VR, kind} & {"SQ"}:
        for item in element.value if element.VR == "SQ" else ():
            treatment.clean(item, treatment)
    elif kind in {"AS", "CS", "UI"} or kind in TEXTS:
        if element.VR not in TEXTS | {"AS", "UI"}:
            del dataset[tag]
    elif kind in allowed.NUMERIC_TEXT and (kind != element.VR or not allowed.is_numeric(element)):
        element.value = element.empty_value


def _move(dataset: Dataset, tag: BaseTag, treatment: Treatment) -> None:
    """A date or time by the patient's number of days."""
    element, kind = dataset[tag], dictionary_VR(tag)
    assert treatment.days is not None
    if element.VR == "SQ" or isinstance(element.value, bytes):
        del dataset[tag]
        return
    values = [str(value or "") for value in (element.value if element.VM > 1 else [element.value])]
    made = [moved(kind, value, treatment.days) for value in values]
    dataset.add_new(tag, kind, made if len(made) > 1 else made[0])


def action_for(tag: BaseTag, treatment: Treatment) -> Action:
    if tag in treatment.retained:
        return _retain
    if treatment.days is not None and is_moved(tag):
        return _move
    if tag in ACTIONS:
        return ACTIONS[tag]
    return _keep_if_allowed if allowed.is_known(tag) and tag.group & 0xFF00 not in {0x5000, 0x6000} else remove
