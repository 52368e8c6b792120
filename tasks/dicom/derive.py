"""A derived object (DICOM PS3.3 C.7.6.1.1.2): other pixels in the data set they came from, told as such everywhere."""

import io
from functools import cache
from importlib.metadata import version

import numpy as np
from pydicom import DataElement, Dataset, FileMetaDataset, Sequence, dcmwrite
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from tasks.dicom.codes import coded
from tasks.dicom.geometry import resize_geometry
from tasks.dicom.pseudonyms import Pseudonyms

IMPLEMENTATION = UID("2.25.302716047463219474934172310421826372937")  # ours, once made from a random UUID
LOSSY = {  # transfer syntaxes that lose something, and how LossyImageCompressionMethod calls them (PS3.3 C.7.6.1.1.5.1)
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
DERIVATIONS: dict[
    str, Code
] = {  # what a chain's step is called in the standard (CID 7203); others are image processing
    "sharpen": codes.cid7203.UnsharpMask,
    "clahe": codes.cid7203.EdgeEnhancement,
    "upscale": codes.cid7203.SpatialResampling,
    "upscale-learned": codes.cid7203.SpatialResampling,
}
PROCESSED = codes.cid7203.Smoothing
COLOURS = ("Red", "Green", "Blue")
STALE = (  # of the pixels that were
    *("SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries", "LargestPixelValueInSeries"),
    *("IconImageSequence", "PixelDataProviderURL", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "ColorSpace"),
    *("DigitalSignaturesSequence", "MACParametersSequence"),
)
PALETTE = (
    "PaletteColorLookupTableUID",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in COLOURS),
    *(f"{colour}PaletteColorLookupTableData" for colour in COLOURS),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in COLOURS),
)


def derive(source: Dataset, pixels: np.ndarray, chain: str, digest: str, pseudonyms: Pseudonyms) -> Dataset:
    """Makes the object that holds `pixels` instead of those of `source`, which is changed in place and returned.

    Args:
        pixels: (frames, height, width, 1 or 3).
        chain: what was done, as it was asked for.
        digest: of the source file. One UID for two different objects, which is an error of the archive, so becomes two.
    """
    syntax = str(source.file_meta.get("TransferSyntaxUID", "")) if hasattr(source, "file_meta") else ""
    compressed = len(source.PixelData)
    _refer(source, pseudonyms, f"{chain}\0{digest}", chain)
    _tell_derivation(source, chain)
    _tell_compression(source, syntax, pixels, compressed)
    resize_geometry(source, *pixels.shape[1:3])
    _put_pixels(source, pixels)
    source.file_meta = _meta(source)
    return source


def to_bytes(dataset: Dataset) -> bytes:
    """The file: explicit VR little endian, with an empty preamble and a file meta information of its own."""
    out = io.BytesIO()
    dataset.preamble = b"\0" * 128
    dcmwrite(out, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return out.getvalue()


def _refer(source: Dataset, pseudonyms: Pseudonyms, instance: str, series: str) -> None:
    """A new instance in a new series of the same study, which names the image that it was made from."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = Sequence([coded(codes.cid7202.SourceImageForImageProcessingOperation)])
    source.SourceImageSequence = Sequence([item])
    source.SOPInstanceUID = pseudonyms.uid(f"{source.SOPInstanceUID}\0{instance}")
    source.SeriesInstanceUID = pseudonyms.uid(f"{source.get('SeriesInstanceUID', '')}\0{series}")


def _tell_derivation(source: Dataset, chain: str) -> None:
    # Enhanced objects and slides may not be SECONDARY (PS3.3 C.8.16.1.1, C.8.12.4.1.1).
    never = ("Enhanced", "VL Whole Slide")
    enhanced = "SharedFunctionalGroupsSequence" in source or UID(source.SOPClassUID).name.startswith(never)
    second = "PRIMARY" if enhanced else "SECONDARY"
    for holder, keyword in [(source, "ImageType"), *_frame_types(source)]:
        rest = list(holder.get(keyword) or [])[2:] if holder[keyword].VM > 2 else []
        setattr(holder, keyword, ["DERIVED", second, *rest])
    told = f"imagemill {_version()}: {chain or 'pixels unchanged'}"
    source.DerivationDescription = told[:1024]
    names = [part.partition(":")[0].strip().lower() for part in chain.split(",") if part.strip()]
    derivations = dict.fromkeys(DERIVATIONS.get(name, PROCESSED) for name in names)
    if derivations:
        source.DerivationCodeSequence = Sequence([coded(code) for code in derivations])
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = Sequence([coded(codes.cid7005.ProcessingEquipment)])
    equipment.Manufacturer = "imagemill"
    equipment.ManufacturerModelName = "imagemill"
    equipment.SoftwareVersions = _version()
    equipment.ContributionDescription = told[:1024]
    source.ContributingEquipmentSequence = Sequence([*(source.get("ContributingEquipmentSequence") or ()), equipment])


def _functional_groups(source: Dataset) -> list[Dataset]:
    shared, frames = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
    return [*(source.get(shared) or ()), *(source.get(frames) or ())]


def _frame_types(source: Dataset) -> list[tuple[Dataset, str]]:
    if "ImageType" not in source:
        source.ImageType = ["DERIVED", "SECONDARY"]
    found = []
    for group in _functional_groups(source):
        for element in group:
            if element.VR == "SQ":
                found += [(item, "FrameType") for item in element.value if "FrameType" in item]
    return found


def _tell_compression(source: Dataset, syntax: str, pixels: np.ndarray, compressed: int) -> None:
    """What was once lost stays told, although nothing more is lost here."""
    if syntax not in LOSSY:
        source.LossyImageCompression = "01" if source.get("LossyImageCompression") == "01" else "00"
        return
    methods = _values(source.get("LossyImageCompressionMethod"))
    ratios = _values(source.get("LossyImageCompressionRatio"))
    source.LossyImageCompression = "01"
    if LOSSY[syntax] not in methods:
        source.LossyImageCompressionMethod = [*methods, LOSSY[syntax]]
        source.LossyImageCompressionRatio = [*ratios, f"{max(1.0, pixels.nbytes / max(1, compressed)):.2f}"]


def _values(value: object) -> list[str]:
    if value is None or value == "":
        return []
    return [str(part) for part in value] if not isinstance(value, str) and hasattr(value, "__iter__") else [str(value)]


def _put_pixels(source: Dataset, pixels: np.ndarray) -> None:
    for name in (*STALE, *(PALETTE if pixels.shape[3] == 3 else ())):
        if name in source:
            del source[name]
    from_palette = source.PhotometricInterpretation == "PALETTE COLOR"
    _, source.Rows, source.Columns, samples = pixels.shape
    if samples == 3:
        source.PhotometricInterpretation = "RGB"
        source.PlanarConfiguration = 0
        source.PixelRepresentation = 0
        if from_palette:
            source.BitsStored = pixels.itemsize * 8
    elif "PlanarConfiguration" in source:
        del source.PlanarConfiguration
    source.SamplesPerPixel = samples
    source.BitsAllocated = pixels.itemsize * 8
    source.HighBit = source.BitsStored - 1
    data = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    source.add(DataElement(0x7FE00010, "OW" if pixels.itemsize == 2 else "OB", data + b"\0" * (len(data) % 2)))


def _meta(source: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = source.SOPClassUID
    meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "IMAGEMILL"
    return meta


@cache
def _version() -> str:
    """Ours; asked for only when a file is written, since a checkout that is not installed has none."""
    return version("imagemill")
