"""`python -m flows` is the `imagemill` command."""

from flows.cli.main import main

main()
