"""Checkpoints in diffusers' format as text encoders and generators."""
