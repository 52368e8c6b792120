"""The errors that end a command with a sentence."""


class BadInput(ValueError):
    """What the user gave cannot be used: one sentence that says what, where and how to mend it.

    The command line prints the sentence and exits with code 2; nothing has been written.
    """


class Stopped(RuntimeError):
    """The run was stopped on purpose: rows fail wholesale, or another run has its folder by now.

    What is complete stays. Exit code 1.
    """


class DeviceFault(Stopped):
    """The device or its driver failed. No row is to blame, and another process may go on."""
