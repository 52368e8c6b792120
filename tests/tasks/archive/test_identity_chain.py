"""A chain that changes nothing leaves every stored value as it was, whatever the layout and the transfer syntax."""

import io
import itertools

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tasks.archive.image_file import ArchiveImage
from tasks.archive.process import enhance_image
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.enhance.chain import enhance, parse_chain
from tasks.imaging.refused import Refused
from tests.tasks.dicom.samples import sample, samples

NAMES = Pseudonyms("k" * 64)
CHAIN = parse_chain("brightness:1.0")
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
ENCODERS = {  # of one frame (h, w) or (h, w, 3)
    JPEG2000Lossless: lambda frame: imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k", mct=False),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEGLosslessSV1: imagecodecs.ljpeg_encode,
}
LARGEST = 1 << 18  # bytes of a sample


def made_of(data: bytes) -> np.ndarray:
    """The pixels of the result as a reader has them."""
    image = ArchiveImage(0, "one", data)
    image.identify(NAMES, keep_identity=False)
    enhance_image(image, lambda pixels: enhance(pixels, CHAIN))
    return pixel_array(dcmread(io.BytesIO(image.encode("brightness:1.0", NAMES)[1])))


def layout(data: bytes) -> tuple[object, ...]:
    """What tells one way of storing pixels from another."""
    header = dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
    names = ("PhotometricInterpretation", "BitsAllocated", "BitsStored", "PixelRepresentation", "PlanarConfiguration")
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    return syntax, header.get("NumberOfFrames", 1) != 1, *(header.get(name) for name in names)


def test_every_sample_keeps_its_values() -> None:
    """One of each layout; a palette's indices become colours, which other tests look at."""
    kept: set[tuple[object, ...]] = set()
    for name in samples():
        data = sample(name)
        kind = layout(data)
        if kind in kept or "PALETTE COLOR" in kind or len(data) > LARGEST:
            continue
        try:
            made = made_of(data)
        except Refused:
            continue
        expected = pixel_array(dcmread(io.BytesIO(data), force=True), raw=False).squeeze()
        assert made.shape == expected.shape, name
        assert np.array_equal(made, expected), name
        kept.add(kind)
    assert len({syntax for syntax, *_ in kept}) >= 10
    assert len(kept) >= 20


def built(
    syntax: UID, bits: int, signed: bool, colour: bool, frames: int, planar: bool = False, shift: int = 0
) -> tuple[bytes, np.ndarray]:
    """An object of odd size with random values in all its bits, and those values."""
    draw = np.random.default_rng(bits + 100 * frames)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    values = draw.integers(low, high, (frames, 5, 7, 3 if colour else 1), endpoint=True).astype(kind)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.4", "1.2.5"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 5, 7, frames
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = kind.itemsize * 8, bits, bits - 1 + shift
    dataset.PixelRepresentation, dataset.SamplesPerPixel = int(signed), values.shape[3]
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME1" if bits == 12 else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = int(planar)
    if bits == 16 and not colour:  # a window that shows a part, so that values lie beyond
        dataset.WindowCenter, dataset.WindowWidth = 1000, 700
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    words = (values.astype(f"<u{kind.itemsize}") & ((1 << bits) - 1)) << shift  # overlays may be above; zeros here
    if syntax in ENCODERS:
        unsigned = words.astype(f"=u{kind.itemsize}")
        pieces = [ENCODERS[syntax](frame if colour else frame[..., 0]) for frame in unsigned]
        dataset.PixelData = encapsulate([bytes(piece) for piece in pieces])
        dataset["PixelData"].is_undefined_length = True
    else:
        order = words.transpose(0, 3, 1, 2) if planar else words
        data = order.astype(f"{'>' if syntax == ExplicitVRBigEndian else '<'}u{kind.itemsize}").tobytes()
        dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if kind.itemsize == 1 or syntax in ENCODERS else "OW"
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue(), values


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, *ENCODERS], ids=lambda uid: uid.name)
def test_every_layout_keeps_its_values(syntax: UID) -> None:
    for bits, signed, colour, frames in itertools.product((5, 8, 12, 16), (False, True), (False, True), (1, 3)):
        if (colour and signed) or (syntax in ENCODERS and (signed or bits < 8)):
            continue
        if colour and syntax == JPEGLosslessSV1:  # the encoder has grey alone
            continue
        layouts = [(False, 0), *([(True, 0)] if colour and syntax in NATIVE else [])]
        layouts += [(False, 4)] if bits == 12 and syntax in NATIVE and not colour else []
        for planar, shift in layouts:
            data, values = built(syntax, bits, signed, colour, frames, planar, shift)
            made = made_of(data)
            assert np.array_equal(made, values.squeeze()), (bits, signed, colour, frames, planar, shift)
