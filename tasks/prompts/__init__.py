"""Prompt files: finding, reading, cutting into shards."""
