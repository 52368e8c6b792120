"""Opening a DICOM file: what is a picture, and what is not, by stated rules.

Whatever the file holds, it ends in a data set with pixels that are worth decoding, or in `Refused` with a reason. A
reason is written beside the results, so it is never text of the file nor of an error, which may quote it.
"""

import io
import logging
import struct
import warnings
import zlib

import numpy as np
import pydicom.config
from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.datadict import dictionary_has_tag
from pydicom.encaps import parse_basic_offsets
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from tasks.imaging.refused import MOST_PIXELS, Refused

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
PYDICOM = r"pydicom\."  # a pattern of modules
ROOT = "1.2.840.10008."  # of the standard's own UIDs
PHOTOMETRIC = frozenset(
    {
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420"),
        *("YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT"),
    }
)
NEEDED = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation"),
)


def silence_pydicom() -> None:
    """Keeps pydicom from quoting values of a file in logs, warnings and errors; called before each file is read.

    For the whole process and for good, as files are read in several threads: what restores a setting behind one file
    would do so while another is read. Each time anew, as `warnings.catch_warnings` of other code undoes it.
    """
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    if not any(getattr(module, "pattern", None) == PYDICOM for _, _, _, module, _ in warnings.filters):
        warnings.filterwarnings("ignore", module=PYDICOM)  # which would take an equal one away for an instant
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins so is DICOM: with the preamble, or, as old ones are, with its first element."""
    if head[128:132] == b"DICM" or head[:4] == b"\2\0\0\0":
        return True
    group, element = struct.unpack("<HH", head[:4].ljust(4, b"\xff"))
    explicit, short = head[4:6].isalpha() and head[4:6].isupper(), head[6:8] == b"\0\0"
    return group == 8 and dictionary_has_tag((group, element)) and (explicit or short)


def open_dicom(data: bytes) -> Dataset:
    """The data set of a file, checked so far that its pixels can be tried.

    Raises:
        Refused: by one of the rules below.
    """
    silence_pydicom()
    try:
        _check_deflated(data)
        dataset = dcmread(io.BytesIO(data), force=True)
        study = str(dataset.get("StudyInstanceUID") or "")
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"truncated or damaged: its elements cannot be read ({type(error).__name__})") from None
    try:
        _check(dataset)
        _settle(dataset)
        if dataset.original_encoding[1] is False:
            _swap_bytes(dataset)
            dataset.set_original_encoding(dataset.original_encoding[0], True)
    except Refused as refused:
        refused.study = study
        raise
    except Exception as error:
        raise Refused(f"damaged: its image elements cannot be read ({type(error).__name__})", study=study) from None
    return dataset


def _check_deflated(data: bytes) -> None:
    """A deflated object that unpacks to no end is not unpacked."""
    (length,) = struct.unpack("<I", data[140:144].ljust(4, b"\0"))  # of the file meta information, its first element
    if data[128:132] == b"DICM" and DeflatedExplicitVRLittleEndian.encode() in data[144 : 144 + length]:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        unpacker.decompress(data[144 + length :], 2 * MOST_PIXELS)
        if unpacker.unconsumed_tail:
            raise Refused("unpacks to more than any picture needs")


def _check(dataset: Dataset) -> None:
    meta = getattr(dataset, "file_meta", FileMetaDataset())
    kind = UID(str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""))
    if kind == MediaStorageDirectoryStorage:
        raise Refused("a DICOMDIR: it lists other files under their old names", stage="skip")
    if not kind:
        raise Refused("no DICOM image: it names no SOP class")
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        if "Image Storage" in kind.name or "Rows" in dataset:
            raise Refused("an image without pixel data")
        raise Refused(f"no image: {class_name(kind)}", stage="skip")
    if not is_picture(kind):
        raise Refused(f"no image: {class_name(kind)}; its values are labels or measures, not pictures", stage="skip")
    if "PixelData" not in dataset:
        raise Refused("pixels of floating point are maps, not pictures", stage="skip")
    missing = [name for name in NEEDED if dataset.get(name) in (None, "")]
    if missing:
        raise Refused(f"the element {missing[0]} is missing or empty")
    if dataset.PhotometricInterpretation not in PHOTOMETRIC:
        raise Refused("its PhotometricInterpretation is none that the standard knows")
    bits, stored, samples = int(dataset.BitsAllocated), int(dataset.BitsStored), int(dataset.SamplesPerPixel)
    if bits not in {8, 16}:
        reason = "masks" if bits == 1 else "doses or maps"
        raise Refused(f"pixels of {bits} bits are {reason}, not pictures", stage="skip")
    if not 1 <= stored <= bits or samples not in {1, 3}:
        raise Refused(f"{samples} samples of {stored} bits in {bits} are no picture that can be read")
    frames = int(dataset.get("NumberOfFrames") or 1)
    pixels = int(dataset.Rows) * int(dataset.Columns) * frames
    if pixels <= 0:
        raise Refused("it says that it has no pixels")
    _check_length(dataset, meta, pixels, frames)


def _check_length(dataset: Dataset, meta: FileMetaDataset, pixels: int, frames: int) -> None:
    if "TransferSyntaxUID" not in meta:  # as it was read, then
        implicit, little = dataset.original_encoding
        syntaxes = {(True, True): ImplicitVRLittleEndian, (False, True): ExplicitVRLittleEndian}
        meta.TransferSyntaxUID = syntaxes.get((bool(implicit), bool(little)), ExplicitVRBigEndian)
        dataset.file_meta = meta
    syntax = UID(meta.TransferSyntaxUID)
    data = dataset.PixelData
    size = pixels * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
    if syntax in NATIVE:
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            if len(data) >= size:  # as often: the name of the one, the data of the other
                dataset.PhotometricInterpretation = "YBR_FULL"
            else:
                size = size * 2 // 3
        if data[:4] == b"\xfe\xff\0\xe0":
            raise Refused("the transfer syntax is wrong: it says that the pixels are not compressed, but they are")
        if len(data) < size:
            raise Refused(f"truncated: {len(data):,} of {size:,} bytes of pixels are there")
        held = len(data) * frames // size
    elif data[:4] != b"\xfe\xff\0\xe0":
        raise Refused("the transfer syntax is wrong: it says that the pixels are compressed, but they are not")
    else:  # frames may be in pieces, so that they can be counted by the table of their offsets alone
        held = len(parse_basic_offsets(data)) or frames
    if held > frames:
        raise Refused(f"{held} frames are there and its header says {frames}: some would be lost")
    if pixels > MOST_PIXELS:
        raise Refused(f"{pixels:,} pixels are more than are held in memory ({MOST_PIXELS:,})")
    if "MPEG" in syntax.name or "HEVC" in syntax.name:
        raise Refused("a video, not a picture", stage="skip")


def _settle(dataset: Dataset) -> None:
    """Reads every element now, and drops those that cannot be read, such as what stands behind the data set's end."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:
            del dataset[tag]
            continue
        if element.VR == "SQ":
            for item in element.value:
                _settle(item)


def says_text(dataset: Dataset) -> bool:
    """Whether a header says that text is burned in, or that this is a label."""
    return str(dataset.get("BurnedInAnnotation") or "").upper() == "YES" or is_label(dataset)


def is_label(dataset: Dataset) -> bool:
    """Whether a header says that this is a slide's label, or an overview that shows it."""
    flavour = dataset["ImageType"][2] if "ImageType" in dataset and dataset["ImageType"].VM > 2 else ""
    mark = str(dataset.get("SpecimenLabelInImage") or "").upper()
    return mark == "YES" or str(flavour).upper() in {"LABEL", "OVERVIEW"}


def _swap_bytes(dataset: Dataset) -> None:
    """A big-endian object's tables become little-endian: pydicom leaves the bytes of `OW` as they are, pixels apart."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _swap_bytes(item)
        elif element.VR in {"OW", "OL", "OF", "OD"} and element.tag != 0x7FE00010:
            width = {"OW": 2, "OL": 4, "OF": 4, "OD": 8}[element.VR]
            element.value = np.frombuffer(element.value, f">u{width}").astype(f"<u{width}").tobytes()


def is_picture(kind: UID) -> bool:
    """Whether objects of a SOP class are pictures: segmentations, label and parametric maps and doses are not.

    The standard calls every class of pictures an image but one. A class that is not the standard's may be anything; one
    below its root that the dictionary lacks is newer than this program, and not taken for a picture.
    """
    if kind.name == str(kind):
        return not kind.startswith(ROOT)
    return "Image" in kind.name or kind.name == "Enhanced US Volume Storage"


def class_name(kind: UID) -> str:
    """What a SOP class is called; a private one's name could say anything, and one that is too new has none here."""
    if kind.name != str(kind):
        return kind.name
    return "an object of a class that is " + ("not known here" if kind.startswith(ROOT) else "not the standard's")
