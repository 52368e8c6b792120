"""One training a model family."""
