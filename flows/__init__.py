"""The flows, each of which reads as its pipeline does, and the `imagemill` command."""

from flows.cli.allocator import keep_freed

keep_freed()
