"""The errors that end a command with a sentence."""

from typing import Any


class BadInput(ValueError):
    """What the user gave cannot be used: one sentence that says what, where and how to mend it.

    The command line prints the sentence and exits with code 2; nothing has been written.
    """


class Busy(BadInput):
    """Somebody else works in the run folder, in a way that leaves no room beside it. `holder` says who."""

    def __init__(self, sentence: str, holder: str) -> None:
        super().__init__(sentence)
        self.holder = holder

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.holder)


class Stopped(RuntimeError):
    """The run was stopped on purpose: rows fail wholesale, or another run has its folder by now.

    What is complete stays. Exit code 1.
    """


class DeviceFault(Stopped):
    """The device or its driver failed. No row is to blame, and another process may go on."""
