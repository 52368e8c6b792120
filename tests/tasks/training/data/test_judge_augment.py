"""What the judge learns from: however a picture is varied, what is told of it stands where it is told."""

import torch
from torch import Tensor

from models.generators.sprite_vae.recolour import COLOURS
from models.judge.model import EDGE
from tasks.training.data.judge_augment import augmented, concatenated, mosaic, on_plain_ground, paste_sprites
from tasks.training.data.judge_pictures import JudgePictures, LabelledBatch

OWN = len(COLOURS)
_PAINT = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9]])  # of the two concepts' sprites, which are squares
_SPRITES = torch.cat([_PAINT[:, :, None, None].expand(-1, -1, 64, 64), torch.ones(2, 1, 64, 64)], 1)


def shown(tinted: bool = False) -> JudgePictures:
    none, grey = torch.empty(0), torch.full((1, 3, EDGE, EDGE), 0.5)
    sprites, chances, may = _SPRITES, torch.ones(2) / 2, torch.tensor([tinted] * 2)
    return JudgePictures(none, [], [], none, none, none, none, none, grey, sprites, chances, may)


def painted(*things: tuple[int, float, float]) -> LabelledBatch:
    """One grey picture with small squares of concepts at (x, y)."""
    picture = torch.full((1, 3, EDGE, EDGE), 0.5)
    for concept, x, y in things:
        at = slice(int(y * EDGE) - 6, int(y * EDGE) + 6), slice(int(x * EDGE) - 6, int(x * EDGE) + 6)
        picture[0, :, *at] = _PAINT[concept][:, None, None]
    what = torch.tensor([(concept, OWN) for concept, _, _ in things], dtype=torch.long).reshape(-1, 2)
    where = torch.tensor([(x, y) for _, x, y in things]).reshape(-1, 2)
    zero = torch.zeros(1, dtype=torch.long)
    return LabelledBatch(picture, torch.zeros(len(things), dtype=torch.long), what, where, zero, zero)


def colour_at(seen: LabelledBatch, thing: int) -> Tensor:
    x, y = (seen.where[thing] * EDGE).long().clamp(0, EDGE - 1).tolist()
    return seen.pictures[seen.picture[thing], :, y, x]


def test_every_thing_told_of_a_pasted_scene_is_seen_in_its_middle() -> None:
    before = concatenated([painted((0, 0.3, 0.3), (1, 0.7, 0.7)), painted(), painted((1, 0.5, 0.5))])
    hidden = 0
    for seed in range(30):
        torch.manual_seed(seed)
        after = paste_sprites(before, shown(), ("plain",))
        assert after.picture.unique().tolist() == [0, 1, 2]  # every scene has got something
        for thing in range(len(after.what)):
            far = (_PAINT - colour_at(after, thing)).abs().sum(1)  # at its rim another one may shine through
            assert far.argmin() == after.what[thing, 0]
        kept = sum(any(torch.equal(place, old) for old in before.where) for place in after.where)
        hidden += kept < len(before.what)
    assert 5 < hidden <= 30


def test_pasted_things_get_the_colour_that_is_told_and_copies_share_it() -> None:
    torch.manual_seed(0)
    several = concatenated([painted() for _ in range(40)])
    after = paste_sprites(several, shown(tinted=True), ("plain",))
    told = after.what[:, 1]
    assert 0.3 < float((told == OWN).float().mean()) < 0.7
    for thing in range(len(after.what)):
        if told[thing] == list(COLOURS).index("green"):
            red, green, blue = colour_at(after, thing).tolist()
            assert green > max(red, blue)
    pairs = [after.what[after.picture == n] for n in range(40)]
    assert any(len(pair) > 1 and len(pair.unique(dim=0)) < len(pair) for pair in pairs)


def test_a_thing_alone_is_large_and_mostly_inside_and_every_second_has_another_colour() -> None:
    torch.manual_seed(0)
    things = on_plain_ground(40, shown(tinted=True), ("beach", "plain"), ("sunny", "plain"))
    assert things.picture.tolist() == list(range(40))
    assert (things.place == 1).all() and (things.sky == 1).all()
    assert 0.3 < float((things.what[:, 1] == OWN).float().mean()) < 0.7
    covered = ((things.pictures - 0.5).abs().amax(1) > 0.02).float().mean((1, 2))
    assert covered.min() > 0.15 and covered.max() < 0.85


def test_scenes_of_a_data_set_without_sprites_stay_as_they_are() -> None:
    none = shown()
    before = painted((0, 0.4, 0.4))
    assert paste_sprites(before, JudgePictures(**{**vars(none), "sprites": _SPRITES[:0]}), ("plain",)) is before


def test_a_mosaic_and_a_moved_picture_keep_things_where_they_are_told() -> None:
    four = concatenated([painted((n % 2, 0.25 + 0.15 * n, 0.5)) for n in range(4)])
    together = mosaic(four)
    assert together.pictures.shape == (1, 3, EDGE, EDGE)
    for thing in range(4):
        assert torch.allclose(colour_at(together, thing), _PAINT[thing % 2], atol=0.02)
    torch.manual_seed(1)
    pictures, moved = augmented(four.pictures)
    again = LabelledBatch(pictures, four.picture, four.what, four.where + moved[four.picture], four.place, four.sky)
    for thing in range(4):
        assert (colour_at(again, thing) - _PAINT[thing % 2]).abs().max() < 0.3
