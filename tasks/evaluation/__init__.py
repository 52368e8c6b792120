"""How good a generator's pictures are, told from the pictures alone."""
