"""Codes of the standard as they stand in a code sequence."""

from pydicom import Dataset
from pydicom.sr.coding import Code


def coded(code: Code) -> Dataset:
    """The item of a code sequence."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item
