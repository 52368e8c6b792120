"""Training data: captioned pictures, caches, augmentation, noise."""
