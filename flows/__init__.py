"""The flows, each of which reads as its pipeline does, and the `imagemill` command."""
