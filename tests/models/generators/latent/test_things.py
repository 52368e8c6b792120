"""Retrieval: what a text names is found and drawn, and networks see it, the same whatever else is in the batch."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.generators.latent import rectified_flow
from models.generators.latent.codec import CHANNELS, Codec
from models.generators.latent.rectified_flow import Flow
from models.generators.latent.things import NOTHING, Looks, Memory, Retrieved, ThingTokens
from models.generators.registry import load_generator
from models.text.text_encoder import load_text_encoder
from models.text_features import pad
from tests.models.generators.latent.checkpoints import CONFIG, write_latent

RETRIEVING = replace(CONFIG, features=640, retrieves=True)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def features() -> list[Tensor]:
    return load_text_encoder("gemma").encode(["two blue dogs", "一只猫", "a sunny beach"])


def test_things_and_colours_that_texts_name_are_found(memory: Memory, features: list[Tensor]) -> None:
    names = [concept[1] for concept in memory.model.config.concepts]
    dogs, cat, beach = memory.named(pad(features)).tolist()
    assert [names[concept] for concept, _ in dogs[:2]] == ["dog"] * 2
    assert {memory.model.config.colours[colour] for _, colour in dogs[:2]} == {"blue"}
    assert names[cat[0][0]] == "cat"
    assert tuple(cat[0])[1] == tuple(dogs[3])[1] == NOTHING[1]
    assert beach == [list(NOTHING)] * 4


def test_a_sheet_shows_a_thing_at_three_sizes_on_white(memory: Memory) -> None:
    cat = next(i for i, concept in enumerate(memory.model.config.concepts) if concept[1] == "cat")
    sheet = memory.sheet(cat, -1, 64)
    assert sheet.shape == (4, 64, 96)
    sizes = [sheet[:, :64, :64], sheet[:, :32, 64:], sheet[:, 32:48, 64:80]]
    covered = [float(part[3].mean()) for part in sizes]
    assert max(covered) - min(covered) < 0.02 and min(covered) > 0.2
    assert not sheet[3, 48:, 64:].any() and not sheet[3, 32:, 80:].any()
    assert (sheet[:3][:, sheet[3] == 0] == 1).all()


def test_only_what_a_thing_covers_becomes_tokens(memory: Memory) -> None:
    codec = Codec(16, 1)
    codec.fit(torch.rand(8, 3, 32, 32))
    sheets = Looks(memory, codec, 32).of(torch.tensor([[[5, -1], NOTHING, NOTHING, NOTHING], [NOTHING] * 4]))
    assert sheets.shape == (2, 4, CHANNELS + 1, 4, 6)
    tokens = ThingTokens(4, 24)(sheets)
    assert tokens.tokens.shape == (2, 4 * 6, 24)
    assert tokens.mask[0, :6].any() and not tokens.mask[0, 6:].any() and not tokens.mask[1].any()
    assert not tokens.tokens[~tokens.mask].any()


@pytest.mark.parametrize("family", ["autoencoder", "gan", "flow"])
def test_a_row_s_picture_is_the_same_in_any_company_and_depends_on_the_things(
    family: str, features: list[Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load_generator.__wrapped__(str(write_latent(tmp_path / family, family, RETRIEVING)))
    together = generator.generate([features[0][:4], features[1], features[1]], [1, 2, 3], 32, 32)
    alone = generator.generate([features[1]], [2], 32, 32)
    assert torch.equal(together[1], alone[0])
    monkeypatch.setattr(Memory, "named", lambda memory, words: torch.full((len(words.mask), 4, 2), 7))
    assert not torch.equal(generator.generate([features[1]], [2], 32, 32), alone)


def test_a_flow_that_is_saved_and_begun_again_is_the_same(features: list[Tensor], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Flow(RETRIEVING).eval()
    model.normalise.mean.copy_(torch.randn(640))
    model.normalise.spread.copy_(torch.rand(640) + 0.5)
    words = pad(features)
    texts = Retrieved(words.tokens, words.mask, torch.rand(3, 4, CHANNELS + 1, 4, 6))
    latents, share = torch.randn(3, CHANNELS, 4, 4), torch.rand(3)
    with torch.no_grad():
        wanted = model.velocity(latents, texts, share)
        (tmp_path / "flow").mkdir()
        rectified_flow.save(tmp_path / "flow", model, RETRIEVING, "Tiny.\n")
        loaded = rectified_flow.load(tmp_path / "flow").eval().velocity(latents, texts, share)
        again = Flow(RETRIEVING).eval()
        again.normalise.load_state_dict(model.normalise.state_dict())
        rectified_flow.begin(again, tmp_path / "flow")
        begun = again.velocity(latents, texts, share)
    assert (loaded - wanted).abs().max() < 0.02 * wanted.abs().max()  # half precision
    assert (begun - loaded).abs().max() < 1e-3 * wanted.abs().max()
