"""The embedded generator: a structured VAE that composes scenes from sprites."""
