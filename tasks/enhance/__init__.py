"""Enhancement of pictures by a chain of filters."""
