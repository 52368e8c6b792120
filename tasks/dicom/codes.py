"""Coded terms: items of a code sequence made, and those of a file reduced to what the schemes themselves define."""

from functools import cache

from pydicom import Dataset
from pydicom.sr._snomed_dict import mapping as snomed
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

UNDEFINED = Code("REMOVED", "99REMOVED", "REMOVED")  # 99: a private scheme, as PS3.3 8.2 wants them named
SNOMED_RT = frozenset({"SRT", "SNM3", "99SDM"})  # the older names of SNOMED, whose codes PS3.16 maps to SCT


def coded(code: Code) -> Dataset:
    """The item of a code sequence."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def restore_code(item: Dataset) -> None:
    """Makes an item of a code sequence say what its scheme says, and nothing that somebody typed.

    A code that PS3.16 lists keeps its value, with a meaning of the scheme's own; any other becomes `UNDEFINED`.
    """
    if not any(name in item for name in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")):
        return
    scheme, value = str(item.get("CodingSchemeDesignator") or ""), str(item.get("CodeValue") or "")
    meanings = _meanings().get(("SCT", snomed["SRT"].get(value, "")) if scheme in SNOMED_RT else (scheme, value))
    code = UNDEFINED
    if meanings:
        meant = str(item.get("CodeMeaning"))
        code = Code(value, scheme, meant if meant in meanings else min(meanings, key=len)[:64])
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning


@cache
def _meanings() -> dict[tuple[str, str], set[str]]:
    """What each code means, in all the ways in which PS3.16 puts it."""
    found: dict[tuple[str, str], set[str]] = {}
    for scheme in codes.schemes():
        for code in getattr(codes, scheme).concepts.values():
            found.setdefault((code.scheme_designator, code.value), set()).add(code.meaning)
    return found
