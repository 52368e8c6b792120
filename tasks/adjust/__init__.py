"""Adjustment by instruction: from words to a plan, and from a plan to a new picture."""
