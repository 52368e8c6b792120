"""`python -m flows` is the `imagemill` command."""

from flows.cli import main

main()
