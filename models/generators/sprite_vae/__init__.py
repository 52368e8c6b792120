"""The embedded generator: a VAE that composes scenes from sprites."""
