"""What a library says, as part of a sentence of ours."""


def one_line(error: BaseException, longest: int = 300) -> str:
    """An error's message on one line, cut where it goes on for too long."""
    return " ".join(str(error).split())[:longest]
