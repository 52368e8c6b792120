"""Storyboards: a script read into scenes, cut into panels with prompts, and shown as a page, a film and a PDF."""
