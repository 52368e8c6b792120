"""Panoramas of the default generator: seamless, right at the poles, and a row's own whatever its company."""

import math

import numpy as np
import py360convert
import pytest
import torch
from torch import Tensor

from models.generators.registry import load_generator
from models.generators.sprite_vae.followed import Followed
from models.generators.sprite_vae.panorama import PanoramaGenerator, pitch_at, row_at
from models.generators.sprite_vae.sphere import floating, paint_band, paint_on, shine, standing
from models.protocols import Generator
from models.reference import Reference
from models.text.text_encoder import load_text_encoder
from tasks.render.cubes import face_size
from tests.panoramas import bytes_of, psnr, seam

TEXTS = [
    "a sunny beach with a couple strolling",
    "a fox in a forest at night",
    "雨中的城市，一辆红色公共汽车",
    "an apple",
]
WIDTH, HEIGHT = 512, 256
SPRITE = torch.cat([torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0)), torch.ones(1, 128, 128)])


@pytest.fixture(scope="module")
def panoramas() -> Generator:
    return load_generator("default", panorama=True)


@pytest.fixture(scope="module")
def features() -> list[Tensor]:
    return load_text_encoder("gemma").encode(TEXTS)


@pytest.fixture(scope="module")
def pictures(panoramas: Generator, features: list[Tensor]) -> Tensor:
    return panoramas.generate(features, [5, 6, 7, 8], WIDTH, HEIGHT)


def test_a_panorama_closes_without_a_seam(pictures: Tensor) -> None:
    for picture in pictures:
        assert seam(picture) <= 1.1
        assert picture.std() > 0.05


def test_each_pole_is_of_one_colour_but_for_what_is_strewn(pictures: Tensor) -> None:
    for picture in pictures[[0, 3]]:  # no stars, no rain
        assert picture[:, [0, -1]].std(2).max() < 0.004


def test_a_cube_and_back_is_the_panorama(panoramas: Generator, features: list[Tensor]) -> None:
    edge = 512
    for picture in map(bytes_of, panoramas.generate(features[1:3], [6, 7], 2 * edge, edge)):  # stars, rain: the finest
        faces = py360convert.e2c(picture, face_w=face_size(2 * edge), cube_format="dict")
        assert psnr(py360convert.c2e(faces, edge, 2 * edge, cube_format="dict"), picture) >= 35


def test_a_row_is_the_same_alone_and_in_any_company(
    panoramas: Generator, features: list[Tensor], pictures: Tensor
) -> None:
    again = panoramas.generate([features[2], features[0]], [7, 5], WIDTH, HEIGHT)
    assert torch.equal(again, pictures[[2, 0]])
    assert not torch.equal(panoramas.generate(features[:1], [9], WIDTH, HEIGHT)[0], pictures[0])


@torch.inference_mode()
def test_what_the_text_names_is_ahead_alone(panoramas: Generator, features: list[Tensor]) -> None:
    assert isinstance(panoramas, PanoramaGenerator)
    config = panoramas.model.config
    plan = panoramas._views(features[0], 5, Followed())
    things = {config.concepts[i][1] for i in plan.concepts[0, config.objects : config.objects + 4].tolist() if i >= 0}
    assert "woman and man holding hands" in things
    assert (plan.concepts[1:, config.objects : config.objects + 4] == -1).all()
    assert config.places[int(plan.place[0])] == "beach" and len(set(plan.place.tolist())) == 1
    plain = panoramas._views(features[3], 5, Followed())
    assert config.places[int(plain.place[0])] != "plain"


def test_sizes_that_are_no_panorama_are_refused(panoramas: Generator, features: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="twice as wide as high, which 512 x 300 is not"):
        panoramas.generate(features[:1], [1], 512, 300)
    with pytest.raises(ValueError, match="16 to 2048"):
        panoramas.check_size(16, 8)


def test_other_generators_say_that_they_make_none() -> None:
    with pytest.raises(ValueError, match="dummy makes no panoramas; use default"):
        load_generator("dummy", panorama=True)


def test_heights_of_a_picture_and_pitches_are_each_others_opposite() -> None:
    rows = torch.linspace(0.02, 0.98, 25)
    pitches = torch.tensor([pitch_at(float(row)) for row in rows])
    assert torch.allclose(row_at(pitches), rows, atol=1e-5)
    assert row_at(torch.tensor([90.0, 0.0, -90.0])).tolist() == [0, 0.5, 1]


def angle_covered(canvas: Tensor) -> float:
    """How much of the sphere (4 pi) a canvas covers."""
    height = canvas.shape[1]
    pitch = math.pi * ((torch.arange(height) + 0.5) / height - 0.5)
    return float((canvas[0] * pitch.cos()[:, None]).sum() * (math.pi / height) ** 2)


@pytest.mark.parametrize("pitch", [0, 40, 75, 90, -90])
def test_a_thing_is_seen_by_the_same_angle_wherever_it_floats(pitch: float) -> None:
    white = torch.ones(4, 128, 128)
    canvas = torch.zeros(3, 256, 512)
    paint_on(canvas, white, floating(170.0, pitch, 20.0))  # across the seam
    square = 4 * math.asin(math.sin(math.radians(10)) ** 2)  # the solid angle of a pyramid 20 degrees wide
    assert angle_covered(canvas) == pytest.approx(square, rel=0.02)


def test_turning_a_scene_turns_its_picture() -> None:
    turned = []
    for yaw in (0.0, 180.0):
        canvas = torch.zeros(3, 128, 256)
        paint_on(canvas, SPRITE, standing(yaw + 20, -20, 15))
        paint_on(canvas, SPRITE, floating(yaw - 30, 62, 40))
        shine(canvas, torch.tensor([0.1, 0.2, 0.3]), yaw - 100, 30, 15)
        turned.append(canvas)
    assert torch.allclose(turned[0].roll(128, 2), turned[1], atol=1e-4)


def test_a_band_closes() -> None:
    canvas = torch.zeros(3, 128, 256)
    smooth = torch.nn.functional.avg_pool2d(SPRITE[None], 9, 1, 4)[0]
    paint_band(canvas, smooth, -15, 6)
    across = (canvas - canvas.roll(1, 2)).abs().mean((0, 1))
    assert across[0] <= 1.1 * across.median()
    assert canvas[:, 64].min() > 0.1
    assert np.isfinite(canvas.numpy()).all()


def test_a_panorama_follows_a_picture_that_was_made_of_another_text(
    panoramas: Generator, features: list[Tensor]
) -> None:
    """An apple, of which nothing says where it is, comes to the forest at night."""
    forest = Reference(torch.zeros(3, 8, 8, dtype=torch.uint8), "", TEXTS[1], 5, features=features[1])
    alone, there = (
        float(panoramas.generate([features[3]], [7], WIDTH, HEIGHT, references=references)[:, :, : HEIGHT // 4].mean())
        for references in ([], [[forest]])
    )
    assert there < alone / 2
