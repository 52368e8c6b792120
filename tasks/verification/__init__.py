"""Shows that a run's results hold no identifier of the archive that it was made from."""
