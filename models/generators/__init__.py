"""Generators: features and a seed to a picture."""
