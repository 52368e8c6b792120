"""The error for image files that are not processed, and the largest picture that is."""

MOST_PIXELS = 1 << 28  # of all frames together; larger pictures are not held in memory


class Refused(ValueError):
    """A file that is not processed. The message is one sentence with the reason and quotes nothing of the file.

    Attributes:
        stage: the stage that refused it; `skip` if the file is sound but not a picture.
        study: its StudyInstanceUID, if it could be read.
    """

    def __init__(self, reason: str, stage: str = "open", study: str = "") -> None:
        super().__init__(reason)
        self.stage = stage
        self.study = study
