"""A concept's key follows from what its captions mean; it is computed once where nothing learns."""

import torch

from models.generators.sprite_vae.text_reader import TextReader


def test_concepts_that_mean_the_same_have_nearly_the_same_key() -> None:
    torch.manual_seed(0)
    reader = TextReader(32, 4, 2, 2, 2).eval()
    meanings = torch.randn(4, 32)
    meanings[1] = meanings[0]
    with torch.no_grad():
        reader.meanings.copy_(meanings)
        keys = reader.keys()
    alike = keys @ keys.T
    assert torch.allclose(alike.diagonal(), torch.ones(4), atol=1e-5)
    assert alike[0, 1] > 0.5 > alike[0, 2:].max()


def test_keys_are_computed_once_and_again_after_training() -> None:
    reader = TextReader(32, 4, 2, 2, 2).eval()
    with torch.inference_mode():
        first = reader.keys()
        assert reader.keys() is first
    reader.train()
    with torch.no_grad():
        reader.own += torch.randn_like(reader.own)
    with torch.inference_mode():
        assert not torch.equal(reader.eval().keys(), first)


def test_what_is_pooled_leaves_out_the_first_token_and_the_padding() -> None:
    reader = TextReader(8, 2, 2, 2, 2)
    tokens = torch.randn(1, 4, 8)
    mask = torch.tensor([[True, True, True, False]])
    assert torch.allclose(reader.pooled(tokens, mask)[0], tokens[0, 1:3].mean(0), atol=1e-6)
