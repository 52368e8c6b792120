"""The list of stages, and the lanes that take shards through it: threads, devices, processes."""
