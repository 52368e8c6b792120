"""Binary tables of a picture that nothing is displayed by, and so could hold anything: palettes, colour profiles."""

import io
import re

import numpy as np
from PIL import ImageCms
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag

COLOURS = ("Red", "Green", "Blue", "Alpha")
PALETTES = tuple(
    BaseTag(tag_for_keyword(f"{segmented}{colour}PaletteColorLookupTableData") or 0)
    for colour in COLOURS
    for segmented in ("", "Segmented")
)
PROFILE = BaseTag(0x00282000)


def unused_tables(dataset: Dataset) -> set[BaseTag]:
    """The tables of an image that nothing is displayed by: a palette of grey, a profile of grey or that is none."""
    palette = dataset.get("PhotometricInterpretation") == "PALETTE COLOR"
    supplemental = dataset.get("PixelPresentation") in {"COLOR", "MIXED"}
    unused = set() if palette or supplemental else set(PALETTES)
    colour = palette or supplemental or dataset.get("SamplesPerPixel") == 3
    if PROFILE in dataset and not (colour and _is_profile(dataset[PROFILE].value)):
        unused.add(PROFILE)
    return unused


def reads_as_text(data: object) -> bool:
    """Whether a table is text: of printable bytes alone, and neither rising nor falling, as tables of values are."""
    if not isinstance(data, bytes):
        return False
    text = data.rstrip(b"\0")
    if not re.fullmatch(rb"[\t\n\r\x20-\x7e]{4,}", text):
        return False
    steps = np.diff(np.frombuffer(data[: len(data) // 2 * 2], "<u2").astype(int))
    return not ((steps >= 0).all() or (steps <= 0).all())


def _is_profile(data: object) -> bool:
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(bytes(data)))  # type: ignore[call-overload]
    except Exception:
        return False
    return True
