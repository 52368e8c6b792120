"""Models by reference, batches that halve when memory ends, failures bisected, kept features; YAML files as models."""
