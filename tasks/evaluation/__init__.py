"""Evaluation of generators by a judge that sees their pictures alone."""
