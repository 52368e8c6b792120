"""What an image file is refused for, and how large a picture may be."""

MOST_PIXELS = 1 << 28  # of all frames: what is larger is not held in memory


class Refused(ValueError):
    """A file that nothing is made of, with the reason in one sentence that quotes nothing of it.

    `stage`: where it ended; `skip` if it is sound but no picture. `study`: its StudyInstanceUID, if it could be read.
    """

    def __init__(self, reason: str, stage: str = "open", study: str = "") -> None:
        super().__init__(reason)
        self.stage = stage
        self.study = study
