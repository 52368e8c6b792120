"""What trainings read: captioned pictures, caches, augmentation, noise."""
