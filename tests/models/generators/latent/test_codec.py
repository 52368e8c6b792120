"""The codec: its encoder in closed form, and the decoder that begins as the encoder's inverse."""

import torch

from models.generators.latent.codec import CHANNELS, PATCH, Codec


def smooth_pictures(count: int) -> torch.Tensor:
    """Pictures of few degrees of freedom: colour ramps."""
    torch.manual_seed(0)
    corners = torch.rand(count, 3, 2, 2)
    return torch.nn.functional.interpolate(corners, (32, 32), mode="bilinear", align_corners=True)


def test_latents_have_unit_variance_and_decode_to_the_pictures_they_are_of() -> None:
    pictures = smooth_pictures(200)
    codec = Codec(16, 1)
    codec.fit(pictures)
    latents = codec.encode(pictures)
    assert latents.shape == (200, CHANNELS, 32 // PATCH, 32 // PATCH)
    assert torch.allclose(latents[:, :3].std((0, 2, 3)), torch.ones(3), atol=0.05)
    assert latents.mean((0, 2, 3)).abs().max() < 0.01
    made = codec.decode(latents)
    assert torch.equal(made, codec.inverse(latents))
    assert (made - pictures).abs().max() < 0.01


def test_the_encoder_is_the_same_whatever_signs_the_decomposition_leaves_open() -> None:
    codecs = [Codec(16, 1), Codec(16, 1)]
    pictures = smooth_pictures(100)
    for codec, shown in zip(codecs, (pictures, pictures.flip(0)), strict=True):
        codec.fit(shown)
    assert torch.allclose(codecs[0].basis[:3], codecs[1].basis[:3], atol=1e-3)
