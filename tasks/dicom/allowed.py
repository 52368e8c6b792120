"""What may stay of the elements that PS3.15's table E.1-1 does not name: the allow-list, and nothing else.

An element stays if the current dictionary has it (private, unknown and retired ones go) and its value is of a kind
that holds no prose:

- numbers that are numbers, tags, UIDs (as pseudonyms), sequences (as far as their items stay);
- coded strings (CS) in the standard's repertoire of characters, whose words of four letters and more are the standard's
  or devices' own: devices invent terms, but what else is written there may be a name;
- text of a few technical elements, if it is one of their known terms (`TERMS`);
- binary tables that the display of the pixels needs (`TABLES`).

All other text becomes a dummy: nothing tells a comment on a device from one that names a patient.
"""

import re
from functools import cache

from pydicom import DataElement
from pydicom.datadict import (
    DicomDictionary,
    dictionary_has_tag,
    dictionary_is_retired,
    dictionary_VR,
    tag_for_keyword,
)
from pydicom.sr.codedict import codes
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary

NUMBERS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT", "US or SS"})
NUMERIC_TEXT = frozenset({"DS", "IS"})
TABLES = frozenset(
    tag_for_keyword(name)
    for name in (
        *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")),
        *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")),
        *("PixelData", "LUTData", "BlendingLookupTableData", "ICCProfile"),
    )
)
# Known to the dictionary, and yet they go as a whole: identifiers that the table lacks, none of them required.
DENIED = frozenset(
    tag_for_keyword(name)
    for name in (
        *(
            "PatientBirthDateInAlternativeCalendar",
            "PatientDeathDateInAlternativeCalendar",
            "PatientAlternativeCalendar",
        ),
        *("CodingSchemeIdentificationSequence", "CodingSchemeVersion", "StorageMediaFileSetID", "DeviceID"),
        *("CommentsOnTheScheduledProcedureStep", "RadiationMachineName", "PixelDataProviderURL"),
    )
)
# Terms of the standard for what a picture is (PS3.3 C.7.6.1.1.2 and of the single modalities), which are names, too.
STRUCTURE_TERMS = frozenset(
    {
        *("ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "PERFUSION", "DIFFUSION", "VOLUME"),
        *("RESAMPLED", "THUMBNAIL", "LABEL", "OVERVIEW", "STATIC", "DYNAMIC", "GATED", "WHOLE BODY", "TOMO"),
        *("SINGLE PLANE", "BIPLANE A", "BIPLANE B", "STRESS", "REST", "MAXIMUM", "REFORMATTED", "RADIAL", "PARALLEL"),
    }
)
# What a coded string may be made of: the standard's characters (PS3.5 6.2), and four that devices use beside them.
CODED_STRING = re.compile(r"[A-Z0-9 _./+-]{0,16}")
WORD = re.compile(r"[A-Z]{4,}")
# Terms of single elements that neither the dictionary nor the code tables of the standard spell out, and of devices.
OTHER_WORDS = frozenset(
    {
        *("HFDR", "HFDL", "FFDR", "FFDL", "HFPR", "HFPL", "LLDL", "RLDL", "PORTRAIT", "BQML", "CNTS", "PROPCNTS"),
        *("PROPCPS", "MLMINML", "DECY", "ATTN", "SCAT", "DTIM", "MOTN", "PMOT", "NRGY", "RADL", "DCAL", "NORM", "RCBF"),
        *("RCBV", "NRCBF", "MTTM", "CSPINE", "TSPINE", "LSPINE", "SSPINE", "CTSPINE", "LSSPINE", "TLSPINE", "ABDOM"),
        *("ABDOMENPELVIS", "CHESTABDOMEN", "CHESTABDPELVIS", "MANU", "AUTO", "SEMIAUTOMATIC", "RIESZ", "HAMMING"),
        *("SCOUT", "SMALL", "PARTS", "LOCALIZER", "CSAPARALLEL", "MOSAIC", "TRACEW", "ADC", "FILTERED", "DERIVED"),
        *("UNVERIFIED", "UNAPPROVED", "SEPARATE", "CONTAINS", "INFERRED", "HELIX", "HELICAL", "SURVEY", "TOPOGRAM"),
        *("SCANOGRAM", "SMARTPREP", "PROSPECTIVE", "OSEM", "PHASEMAP", "MAGNITUDE", "FFE", "STEREO", "PANORAMIC"),
    }
)
# Makers of devices; one who is not among them is not told from a person.
MAKER = (
    "3dhistech|accuray|acuson|agfa|aloka|aperio|brainlab|bruker|canon|carestream|carl zeiss|elekta|elscint|esaote|fuji|"
    "fujifilm|ge|general electric|hamamatsu|heidelberg|hitachi|hologic|howtek|kodak|konica|leica|lodox|lumisys|marconi|"
    "medison|mindray|nidek|olympus|philips|picker|planmeca|roche|samsung|shimadzu|siemens|sirona|sonosite|swissray|"
    "toshiba|topcon|uih|united imaging|varian|ventana|vidar|zeiss"
)
BUSINESS = (
    "ag|co|corp|corporation|electron|engineering|gevaert|gmbh|health|healthcare|healthineers|inc|international|ltd|"
    "medical|meditec|minolta|nv|photonics|scientific|system|systems|technologies|ultrasound"
)
_TERMS = {
    "Manufacturer SecondaryCaptureDeviceManufacturer": rf"(?:{MAKER})(?:[ .,&-]*\b(?:{BUSINESS})\b)*\.?",
    "ConvolutionKernel": (
        r"[a-z]{1,3}\d{1,3}[a-z]{0,2}|standard|soft|bone(plus)?|lung|detail|edge|chest|smooth|sharp|ultra|fc\d\d"
    ),
    "RescaleType ModalityLUTType": r"hu|od|us|mgml|z_eff|ed|edw|hu_mod|pct|bqml|normalized",
    "WindowCenterWidthExplanation LUTExplanation": (
        r"window ?\d?|algo\d|normal|harder|softer|brain|bone|lung|abdomen|mediastinum|linear"
    ),
    "ImagedNucleus": r"\d{1,3}[a-z]{1,2}",
    "StackID OpticalPathIdentifier ReferencedOpticalPathIdentifier": r"\d{1,4}",
}
TERMS = {
    tag_for_keyword(name): re.compile(terms, re.IGNORECASE | re.ASCII)
    for names, terms in _TERMS.items()
    for name in names.split()
}


def is_known(tag: BaseTag) -> bool:
    """Whether the current dictionary has an element, and not only among those that were retired."""
    return not tag.is_private and dictionary_has_tag(tag) and not dictionary_is_retired(tag) and tag not in DENIED


def cleaned(element: DataElement) -> list[str] | None:
    """The values of a text element with those emptied that are not proven to be a term; None: there is no such text."""
    texts = [str(value or "") for value in (element.value if element.VM > 1 else [element.value])]
    if dictionary_VR(element.tag) == "CS":
        return [text if _is_coded(text) else "" for text in texts]
    pattern = TERMS.get(element.tag)
    if pattern is not None and all(pattern.fullmatch(text) for text in texts):
        return texts
    return None


def _is_coded(text: str) -> bool:
    return bool(CODED_STRING.fullmatch(text)) and all(word in _words() for word in WORD.findall(text))


@cache
def _words() -> frozenset[str]:
    """The words of the standard's keywords, class names and code meanings, and the values of its own codes."""
    texts = [entry[2] for entry in DicomDictionary.values()]
    texts += [" ".join(map(str, entry)) for entry in UID_dictionary.values()]
    for scheme in codes.schemes():
        concepts = getattr(codes, scheme).concepts.values()
        texts += [f"{code.meaning} {code.value if scheme == 'DCM' else ''}" for code in concepts]
    return OTHER_WORDS | frozenset(re.findall(r"[A-Z]{4,}", "\n".join(texts).upper()))


def is_numeric(element: DataElement) -> bool:
    """Whether every value of a decimal or integer string is a number; a file may have anything there."""
    values = element.value if element.VM > 1 else [element.value]
    try:
        return all(value in (None, "") or float(value) is not None for value in values)
    except (TypeError, ValueError):
        return False
