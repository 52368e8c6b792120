"""Language models that encode texts."""
