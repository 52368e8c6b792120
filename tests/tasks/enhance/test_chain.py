"""Chains are read or refused in one sentence, and applied row by row without leaving [0, 1]."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from models.filters import STEPS, Reference
from models.filters.arguments import Number
from tasks.enhance import chain as module
from tasks.enhance.chain import enhance, growth, name_files, open_chain, parse_chain
from tasks.enhance.options import EnhanceOptions
from tasks.imaging.jxl import encode_jxl
from tasks.prompts.shards import Shard
from tasks.render.enhance import _enhance_closed, enhance_work
from tasks.render.shard_state import Picture, Prompt, RenderShard
from tasks.render.transfer import Transfer
from tasks.runfolder.errors import BadInput
from tests.tasks.dicom.samples import sample

EVERY_STEP = (
    "denoise:0.3,brightness:1.2,contrast:1.3,saturation:0.7,temperature:-30,tint:8,sharpen:1.5,contrast:0.9,gamma:1.2,"
    "window:0.5/0.8,clahe:2,denoise-nlm,denoise-bilateral:0.02,denoise-wavelet:auto,denoise-tv:0.01,white-balance"
)


def pictures(rows: int = 5, size: int = 40) -> Tensor:
    return torch.rand(rows, 3, size, size, generator=torch.Generator().manual_seed(3))


def test_chain_keeps_order_repeats_and_spaces() -> None:
    chain = parse_chain(" denoise:0.3 , Contrast : 1.1,denoise:1 ")
    assert [(step.name, value) for step, value in chain] == [("denoise", 0.3), ("contrast", 1.1), ("denoise", 1.0)]


def test_values_are_read_as_each_step_means_them() -> None:
    text = "window:0.4/0.2,window,denoise-nlm,white-balance,palette:s3://looks/a@b.png@0.7,palette:a@b.png"
    assert [value for _, value in parse_chain(text)] == [
        (0.4, 0.2),
        "auto",
        "auto",
        "grey-edge",
        Reference("picture", "s3://looks/a@b.png", 0.7),
        Reference("picture", "a@b.png", 1.0),
    ]


@pytest.mark.parametrize("text", ["", "  "])
def test_empty_chain_leaves_pictures_alone(text: str) -> None:
    images = pictures()
    assert enhance(images, parse_chain(text)) is images


def test_chain_of_neutral_values_leaves_pictures_alone() -> None:
    images = pictures()
    numbers = [(step.name, step.argument.neutral) for step in STEPS.values() if isinstance(step.argument, Number)]
    chain = parse_chain(",".join(f"{name}:{neutral}" for name, neutral in numbers) + ",window:0.5/1,palette:none.png@0")
    assert enhance(images, chain) is images


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, False), (16, True)])
def test_every_value_of_an_integer_picture_comes_back_through_a_chain(bits: int, signed: bool) -> None:
    low = -(2 ** (bits - 1)) if signed else 0
    stored = np.arange(low, low + 2**bits).reshape(2 ** (bits // 2), -1)
    images = torch.tensor((stored - low) / (2**bits - 1), dtype=torch.float32)[None, None]
    chain = parse_chain("contrast:1,denoise:0,window:0.5/1,clahe:0,denoise-nlm:0,gamma:1")
    worked = parse_chain("brightness:0.5,brightness:2")  # does work, on exact powers of two
    for steps in (chain, worked):
        made = enhance(images, steps)
        assert np.array_equal(np.rint(made.double().numpy() * (2**bits - 1))[0, 0] + low, stored)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("denoize:0.3", "unknown step 'denoize': did you mean 'denoise'?"),
        ("warmth:0.3,contrast:1", "unknown step 'warmth': "),
        ("zzz:1", "the steps are brightness, clahe, contrast, denoise"),
        ("contrast", "its number is missing: contrast takes 0 to 4 \\(factor; 1 changes nothing\\)"),
        ("contrast:", "its number is missing"),
        ("contrast:high", "'high' is not a number"),
        ("contrast:1.1:2", "'1.1:2' is not a number"),
        ("clahe", "its number is missing: clahe takes 0 to 40"),
        (
            "denoise-nlm:much",
            "'much' is not a number: denoise-nlm takes 0 to 0.5 .* or auto: estimated for each picture",
        ),
        ("window:0.5", "'0.5' has no width: window takes centre/width, as in 0.4/0.2"),
        ("window:0.5/0", "'window:0.5/0' is out of range"),
        ("window:low/high", "'low/high' is not two numbers"),
        (
            "white-balance:gray-world",
            "knows no 'gray-world': white-balance takes grey-edge, shades-of-grey or grey-world",
        ),
        ("palette", "its picture is missing: palette takes the path of a picture"),
        ("palette:ref.png@3", "is out of range: palette takes .* @0 to @1"),
        ("inpaint:", "its mask is missing: inpaint takes the path of a mask of the pictures' size"),
        ("contrast:9", "'contrast:9' is out of range: contrast takes 0 to 4"),
        ("temperature:-81", "out of range: temperature takes -80 to 200 \\(mired"),
        ("contrast:nan", "out of range"),
        ("contrast:inf", "out of range"),
        ("contrast:1.1,,denoise:0.3", "has an empty step: remove the extra comma"),
        ("contrast:1.1,", "has an empty step"),
        (":1", "unknown step ''"),
    ],
)
def test_bad_chain_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        parse_chain(text)
    assert "\n" not in str(caught.value)


def test_options_refuse_a_bad_chain_when_they_are_made() -> None:
    assert EnhanceOptions().enhance == ""
    with pytest.raises(ValidationError, match="did you mean 'sharpen'"):
        EnhanceOptions(enhance="sharpn:1")


def test_every_step_in_a_row_keeps_shape_range_and_input() -> None:
    images = pictures()
    before = images.clone()
    result = enhance(images, parse_chain(EVERY_STEP))
    assert result.shape == images.shape and result.dtype == torch.float32
    assert result.min() >= 0 and result.max() <= 1
    assert torch.equal(images, before)


def test_row_is_byte_identical_alone_and_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    images, chain = pictures(7), parse_chain(EVERY_STEP)
    together = enhance(images, chain)
    for row in range(7):
        assert torch.equal(enhance(images[row : row + 1], chain)[0], together[row])
    assert torch.equal(enhance(images.flip(0), chain).flip(0), together)
    monkeypatch.setattr(module, "PIXELS_AT_ONCE", {"cpu": 1})
    assert torch.equal(enhance(images, chain), together)


def test_no_pictures_give_no_pictures() -> None:
    assert enhance(torch.empty(0, 3, 8, 8), parse_chain(EVERY_STEP)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("images", [torch.rand(3, 8, 8), torch.rand(2, 4, 8, 8), torch.zeros(1, 3, 8, 8).byte()])
def test_pictures_of_another_kind_are_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="must be a float tensor"):
        enhance(images, parse_chain("contrast:1.1"))


def test_chain_travels_to_another_process() -> None:
    chain = parse_chain(EVERY_STEP)
    assert pickle.loads(pickle.dumps(chain)) == chain


def saved(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_files_are_read_and_told_apart_by_their_content(tmp_path: Path) -> None:
    reference = saved(tmp_path / "ref.png", np.full((4, 6, 3), (200, 100, 50), np.uint8))
    mask = saved(tmp_path / "mask.png", np.pad(np.full((4, 4), 255, np.uint8), 18))
    chain, files = open_chain(f"palette:{reference}@0.5,inpaint:{mask}")
    assert files.keys() == {"ref.png", "mask.png"} and len(set(files.values())) == 2
    images = pictures(2)
    made = enhance(images, chain)
    only_mask = enhance(images, chain[1:])
    assert (only_mask != images).any(1).sum() == 2 * 16
    assert made.mean((0, 2, 3))[0] > images.mean((0, 2, 3))[0] + 0.05


def test_masks_and_references_of_16_bits_keep_them(tmp_path: Path) -> None:
    step_of_8_bits = np.linspace(30000, 30256, 64, dtype=np.uint16).reshape(8, 8)
    path = saved(tmp_path / "deep.png", step_of_8_bits)
    loaded = module.reference_files.load(Reference("picture", path))
    assert np.array_equal(np.rint(loaded.array[..., 0] * 65535), step_of_8_bits)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (8, 8, 4)])
def test_jpeg_xl_may_be_a_reference(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 65536, shape, dtype=np.uint16)
    (tmp_path / "ref.jxl").write_bytes(encode_jxl(pixels))
    loaded = module.reference_files.load(Reference("picture", str(tmp_path / "ref.jxl")))
    read = np.rint(loaded.array * 65535)
    assert np.array_equal(read, np.broadcast_to(pixels.reshape(8, 8, -1)[..., :3], read.shape))
    (tmp_path / "cut.jxl").write_bytes(encode_jxl(pixels)[:60])
    with pytest.raises(BadInput, match=r"cut\.jxl cannot be read as a picture"):
        open_chain(f"palette:{tmp_path}/cut.jxl")


@pytest.mark.parametrize("step", ["palette", "inpaint"])
def test_missing_or_unreadable_file_is_a_sentence(tmp_path: Path, step: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match=r"none\.png: no such file or folder; check the path"):
        open_chain(f"{step}:{tmp_path}/none.png")
    with pytest.raises(BadInput, match="a folder, where a file is wanted"):
        open_chain(f"{step}:{tmp_path}")
    (tmp_path / "scan.png").write_bytes(sample("CT_small.dcm"))  # OpenCV takes it for TIFF, and would say so
    with pytest.raises(BadInput, match=r"scan\.png cannot be read as a picture"):
        open_chain(f"{step}:{tmp_path}/scan.png")
    assert capfd.readouterr() == ("", "")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(BadInput, match=r"text\.png cannot be read as a picture: give a PNG"):
        open_chain(f"{step}:{tmp_path}/text.png")


def test_mask_of_another_size_is_a_sentence(tmp_path: Path) -> None:
    mask = saved(tmp_path / "mask.png", np.eye(32, 48, dtype=np.uint8) * 255)
    with pytest.raises(BadInput, match=r"mask.png is 48 x 32 and this picture 40 x 40: give one of the pictures' size"):
        enhance(pictures(), parse_chain(f"inpaint:{mask}"))


def test_colour_step_on_a_grey_picture_is_a_sentence() -> None:
    with pytest.raises(BadInput, match=r"and this picture is grey: leave the step out for grey ones\.$"):
        enhance(pictures()[:, :1], parse_chain("contrast:1.2,saturation:1.2"))


def test_large_picture_goes_in_tiles_and_shows_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(2, 90)
    exact = parse_chain("denoise:0.3,sharpen:1.5,contrast:1.2,denoise:0.2")
    near = parse_chain("denoise-nlm:0.1,denoise-bilateral:0.1,sharpen:0.5")
    whole, whole_near = enhance(images, exact), enhance(images, near)
    monkeypatch.setattr(module, "TILE", 32)
    assert torch.equal(enhance(images, exact), whole)
    assert torch.allclose(enhance(images, near), whole_near, atol=2e-4)  # scikit-image and OpenCV round by the picture


def test_learned_denoiser_shows_no_seam_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(1, 330)
    chain = parse_chain("sharpen:0.3,denoise-learned,contrast:1.1")
    whole = enhance(images, chain)
    monkeypatch.setattr(module, "TILE", 104)
    assert torch.allclose(enhance(images, chain), whole, atol=1e-5)  # convolutions round by the size of the picture


def test_rows_that_a_step_does_not_fit_are_taken_out_of_the_work(tmp_path: Path) -> None:
    mask = saved(tmp_path / "mask.png", np.pad(np.full((4, 4), 255, np.uint8), 6))
    work = work_of((16, 16), (16, 24), (16, 16))
    enhance_work(work, EnhanceOptions(enhance=f"inpaint:{mask}"), lambda sent: None)
    assert [prompt.row for prompt in work.prompts] == [0, 2]
    assert [(failure.row, failure.stage) for failure in work.failures] == [(1, "enhance")]
    assert "this picture 16 x 24" in work.failures[0].error
    assert len(work.pictures) == 2


@pytest.mark.parametrize("chain", ["denoise:0.3,sharpen:1.5,contrast:1.2", "denoise-nlm:0.1", "upscale:2"])
def test_a_panorama_has_no_seam_after_any_step(chain: str) -> None:
    images = pictures(1, 128)[:, :, :64]
    steps = parse_chain(chain)
    straight, turned = (_enhance_closed(each, steps) for each in (images, images.roll(64, -1)))
    larger = straight.shape[-1] // 128
    assert torch.allclose(turned.roll(-64 * larger, -1), straight, atol=1e-4)
    alone = enhance(images.roll(64, -1), steps).roll(-64 * larger, -1)
    assert (alone - straight).abs().max() > 0.01


def test_a_mask_fits_a_panorama_as_it_is(tmp_path: Path) -> None:
    mask = saved(tmp_path / "mask.png", np.pad(np.full((4, 4), 255, np.uint8), ((6, 6), (14, 14))))
    work = work_of((32, 16))
    sent: list[Transfer] = []
    enhance_work(work, EnhanceOptions(enhance=f"inpaint:{mask}"), sent.append, panorama=True)
    assert sent and not work.failures


def work_of(*sizes: tuple[int, int]) -> RenderShard:
    """A shard with one random picture a row, of these widths and heights."""
    prompts = [Prompt(row, str(row), "a", [0], *size) for row, size in enumerate(sizes)]
    work = RenderShard(Shard(0, 0, len(sizes)), prompts, [], pa.table({}))
    for prompt in prompts:
        picture = Picture(prompt, 0)
        picture.pixels = torch.rand(3, prompt.height, prompt.width, generator=torch.Generator().manual_seed(prompt.row))
        work.pictures.append(picture)
    return work


@pytest.mark.parametrize(
    ("chain", "named"),
    [
        ("denoise:0.3, palette:/home/amy/refs/warm.png@0.7,upscale:2", "denoise:0.3, palette:warm.png@0.7,upscale:2"),
        ("style:s3://bucket/a/b.png", "style:b.png"),
        ("style:https://host/b.png?key=secret", "style:b.png"),
        ("denoise:0.3", "denoise:0.3"),
        ("", ""),
    ],
)
def test_records_name_files_but_not_where_they_lie(chain: str, named: str) -> None:
    assert name_files(chain) == EnhanceOptions(enhance=chain).enhance_named == named
    assert name_files(named) == named


def test_files_of_one_name_have_both_digests(tmp_path: Path) -> None:
    for folder, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8), colour).save(tmp_path / folder / "ref.png")
    files = open_chain(f"palette:{tmp_path}/a/ref.png,style:{tmp_path}/b/ref.png")[1]
    assert [len(digest) for digest in files["ref.png"].split()] == [64, 64]


def test_a_chain_tells_how_much_larger_it_makes_pictures() -> None:
    assert growth(parse_chain("upscale:2,denoise:0.3,upscale:4")) == 64
    assert growth(parse_chain("contrast:1.1")) == growth(()) == 1
