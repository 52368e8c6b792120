"""The command `imagemill`: one module a command."""
