"""Feedback: people rate the pictures of a run, and a reward model learns from it."""
