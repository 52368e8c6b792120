"""The run folder: storage, lock, record, commit."""
