"""The stages, one verb a file. They use `models`, and know nothing of flows."""
