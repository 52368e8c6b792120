"""Generators that go from features to latents and decode those: autoencoder, GAN, rectified flow."""
