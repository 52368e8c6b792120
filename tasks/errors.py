"""The one error that is the user's to mend."""


class BadInput(ValueError):
    """What the user gave cannot be used: one sentence that says what, where and how to mend it.

    The command line prints the sentence and exits with code 2; nothing has been written.
    """
