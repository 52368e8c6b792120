"""Derived objects: told as such, with their source, and valid to an independent eye (dciodvfy)."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from tasks.dicom.derive import derive, to_bytes
from tasks.dicom.geometry import resize_geometry
from tasks.dicom.open import is_dicom, open_dicom
from tasks.dicom.pixels import decode
from tasks.dicom.profile import deidentify
from tasks.dicom.pseudonyms import Pseudonyms, without_secret
from tasks.imaging.refused import Refused
from tests.tasks.dicom.samples import sample, samples

NAMES = Pseudonyms("a key that is only good for tests, as all can read it")


def derived(name: str, chain: str = "sharpen:0.3", keep: bool = False, scale: int = 1) -> Dataset:
    dataset = open_dicom(sample(name))
    pixels = decode(dataset).repeat(scale, 1).repeat(scale, 2)
    if not keep:
        deidentify(dataset, NAMES)
    made = to_bytes(derive(dataset, pixels, chain, "digest", without_secret() if keep else NAMES))
    return dcmread(io.BytesIO(made))


def test_new_instance_in_a_new_series_of_the_same_study() -> None:
    source, made = dcmread(io.BytesIO(sample("CT_small.dcm"))), derived("CT_small.dcm", keep=True)
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert made.SeriesInstanceUID != source.SeriesInstanceUID
    assert made.SOPInstanceUID != source.SOPInstanceUID
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert made.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert made.PatientName == source.PatientName


def test_identity_kept_keeps_private_elements() -> None:
    source, made = dcmread(io.BytesIO(sample("CT_small.dcm"))), derived("CT_small.dcm", keep=True)
    assert [e.tag for e in source if e.tag.is_private] == [e.tag for e in made if e.tag.is_private]
    assert "PatientIdentityRemoved" not in made


def test_derivation_is_told() -> None:
    made = derived("CT_small.dcm", "denoise:0.2,sharpen:0.3")
    assert list(made.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert made.ImageType[2] == "AXIAL"
    assert "denoise:0.2,sharpen:0.3" in made.DerivationDescription
    assert [code.CodeValue for code in made.DerivationCodeSequence] == ["113087", "113089"]
    assert made.ContributingEquipmentSequence[-1].Manufacturer == "imagemill"


def test_enhanced_objects_stay_primary() -> None:
    made = derived("eCT_Supplemental.dcm")
    types = [
        made.ImageType,
        *(
            g.CTImageFrameTypeSequence[0].FrameType
            for g in made.SharedFunctionalGroupsSequence
            if "CTImageFrameTypeSequence" in g
        ),
    ]
    assert all(list(kind[:2]) == ["DERIVED", "PRIMARY"] for kind in types)


@pytest.mark.parametrize(
    ("name", "lossy", "method"),
    [
        ("CT_small.dcm", "00", None),
        ("693_J2KR.dcm", "00", None),
        ("JPGExtended.dcm", "01", "ISO_10918_1"),
        ("SC_rgb_gdcm_KY.dcm", "01", "ISO_15444_1"),
        ("693_UNCI.dcm", "01", None),
    ],
)
def test_what_was_lost_stays_told(name: str, lossy: str, method: str | None) -> None:
    made = derived(name)
    assert made.LossyImageCompression == lossy
    if method is not None:
        methods, ratios = made.LossyImageCompressionMethod, made.LossyImageCompressionRatio
        assert method in (methods if not isinstance(methods, str) else [methods])
        assert float(ratios if not hasattr(ratios, "__iter__") else ratios[-1]) > 1


def test_geometry_stays_or_follows_the_size() -> None:
    source, same, doubled = (
        dcmread(io.BytesIO(sample("CT_small.dcm"))),
        derived("CT_small.dcm"),
        derived("CT_small.dcm", scale=2),
    )
    assert same.PixelSpacing == source.PixelSpacing
    assert same.ImagePositionPatient == source.ImagePositionPatient
    assert np.allclose(np.array(doubled.PixelSpacing, float) * 2, np.array(source.PixelSpacing, float))
    moved = np.array(doubled.ImagePositionPatient, float) - np.array(source.ImagePositionPatient, float)
    assert np.allclose(np.abs(moved[:2]), np.array(source.PixelSpacing, float) / 4)
    assert (doubled.Rows, doubled.Columns) == (2 * source.Rows, 2 * source.Columns)


def resized(dataset: Dataset, scale: int = 2) -> Dataset:
    """The object as it is made for a picture so many times as large."""
    resize_geometry(dataset, dataset.Rows * scale, dataset.Columns * scale)
    return dataset


def test_ultrasound_regions_follow_the_size() -> None:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = 20, 139
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = 10, 109
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.02
    region.ReferencePixelX0, region.ReferencePixelY0 = 59, 0
    dataset = dcmread(io.BytesIO(sample("US1_UNCR.dcm")))
    dataset.SequenceOfUltrasoundRegions = [region]
    (made,) = resized(dataset).SequenceOfUltrasoundRegions
    assert (made.RegionLocationMinX0, made.RegionLocationMaxX1) == (40, 279)
    assert (made.RegionLocationMinY0, made.RegionLocationMaxY1) == (20, 219)
    assert (made.PhysicalDeltaX, made.PhysicalDeltaY) == (0.01, 0.01)
    width = made.RegionLocationMaxX1 + 1 - made.RegionLocationMinX0
    assert width * made.PhysicalDeltaX == pytest.approx(120 * 0.02), "a length is measured as before"
    assert abs(made.ReferencePixelX0 - 118.5) <= 0.5


def test_shutters_and_collimators_follow_the_size() -> None:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    for shape in ("Shutter", "Collimator"):
        for edge, value in (
            ("LeftVertical", 11),
            ("RightVertical", 120),
            ("UpperHorizontal", 6),
            ("LowerHorizontal", 115),
        ):
            setattr(dataset, f"{shape}{edge}Edge", value)
    dataset.CenterOfCircularShutter, dataset.RadiusOfCircularShutter = [64, 32], 30
    dataset.VerticesOfThePolygonalShutter = [1, 1, 1, 128, 128, 128]
    made = resized(dataset)
    for shape in ("Shutter", "Collimator"):
        edges = [made[f"{shape}{edge}Edge"].value for edge in ("LeftVertical", "RightVertical")]
        assert edges == [21, 240], "the same part is seen"
        assert [made[f"{shape}{edge}Edge"].value for edge in ("UpperHorizontal", "LowerHorizontal")] == [11, 230]
    assert made.RadiusOfCircularShutter == 60
    assert np.allclose(made.CenterOfCircularShutter, [127.5, 63.5], atol=0.5)
    assert np.allclose(made.VerticesOfThePolygonalShutter, [1.5, 1.5, 1.5, 255.5, 255.5, 255.5], atol=0.5)


def test_every_frame_s_position_follows_the_size() -> None:
    source, dataset = (dcmread(io.BytesIO(sample("eCT_Supplemental.dcm"))) for _ in range(2))
    made = resized(dataset)
    shared = source.SharedFunctionalGroupsSequence[0]
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    (along,) = (np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)[:3],)
    across = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)[3:]
    for before, after in zip(
        source.PerFrameFunctionalGroupsSequence, made.PerFrameFunctionalGroupsSequence, strict=True
    ):
        was, now = (np.array(group.PlanePositionSequence[0].ImagePositionPatient, float) for group in (before, after))
        assert np.allclose(now - was, -(along * spacing[1] + across * spacing[0]) / 4)
    measures = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert np.allclose(np.array(measures.PixelSpacing, float) * 2, spacing)


def test_colours_of_12_bits_stay_of_12() -> None:
    dataset = open_dicom(sample("SC_rgb_16bit.dcm"))
    dataset.BitsStored, dataset.HighBit = 12, 11
    pixels = decode(dataset)
    made = derive(dataset, pixels, "", "digest", NAMES)
    assert (made.BitsAllocated, made.BitsStored, made.HighBit) == (16, 12, 11)


def test_slides_stay_primary() -> None:
    dataset = open_dicom(sample("SC_rgb.dcm"))
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made = derive(dataset, decode(dataset), "", "digest", NAMES)
    assert list(made.ImageType) == ["DERIVED", "PRIMARY", "VOLUME", "NONE"]


def test_same_source_and_chain_give_the_same_bytes() -> None:
    first, again = (to_bytes(derived("CT_small.dcm")) for _ in range(2))
    assert first == again
    assert derived("CT_small.dcm", "sharpen:0.4").SOPInstanceUID != derived("CT_small.dcm").SOPInstanceUID


def errors(path: Path) -> set[str]:
    """What dciodvfy has against a file: its errors, values left out."""
    told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
    lines = [line for line in told.splitlines() if line.startswith("Error")]
    return {re.sub(r"\[[^\]]*\]|<\d[\d.]*>|0x[0-9a-f]+|= <.*", "", line).strip() for line in lines}


@pytest.mark.slow
def test_every_sample_is_as_valid_as_it_was(tmp_path: Path) -> None:
    """Samples have errors of their own; making a derived object of them adds none, and loses no pixel."""
    if shutil.which("dciodvfy") is None:
        pytest.fail("This test needs a validator: apt-get update && apt-get install -y dicom3tools")
    before, after, added, seen = tmp_path / "before.dcm", tmp_path / "after.dcm", {}, 0
    for name in samples():
        data = sample(name)
        # dciodvfy does not unpack deflated files; and it holds what ORIGINAL enhanced MR must have against DERIVED ones
        if not is_dicom(data[:132]) or name.startswith(("emri", "image_dfl", "dicomdir")):
            continue
        try:
            dataset = open_dicom(data)
            pixels = decode(dataset)
        except (Refused, RuntimeError):
            continue
        deidentify(dataset, NAMES)
        after.write_bytes(to_bytes(derive(dataset, pixels, "sharpen:0.3", "digest", NAMES)))
        before.write_bytes(data)
        assert np.array_equal(decode(dcmread(after)), pixels), name
        new = {line for line in errors(after) - errors(before) if "StudyInstanceUID has same value" not in line}
        if new:
            added[name] = new
        seen += 1
    assert not added
    assert seen > 80
