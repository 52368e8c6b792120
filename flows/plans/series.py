"""The plan of a series: its subjects as rows that `render` makes."""

from pathlib import Path
from typing import Any

from flows.jobs.series import SeriesJob
from flows.plans.render import Plan
from flows.plans.storyboard import rows_as_input
from tasks.prompts.prompt_files import find_input
from tasks.prompts.whole_input import Input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tasks.series.palette import swatch
from tasks.series.rows import series_rows, subjects_of

_SWATCH = "palette.png"


class SeriesPlan(Plan):
    """What a series has to do, planned without writing anywhere but to `spool`.

    Raises:
        BadInput: the job, its subjects, its palette or its reference cannot be used.
    """

    def __init__(self, series: SeriesJob, spool: Path) -> None:
        self.series = series.checked()
        super().__init__(series.render_job(_palette(series.palette, spool)), spool)

    def _find_input(self, spool: Path) -> Input:
        series = self.series
        subjects = series.subjects
        if isinstance(subjects, str):
            subjects = subjects_of(find_input(subjects, Storage(str(spool)), series.text_column, series.out))
        if not any(subject.strip() for subject in subjects):
            raise BadInput("subjects: there is none; give a list of texts or a file of them.")
        words = (series.style, series.light, series.camera)
        reference = series.reference and _absolute(series.reference)
        self.table = series_rows(subjects, words, reference, series.anchor)
        return rows_as_input(self.table, f"{series.name}.yaml", "\n".join(subjects).encode(), spool, series.out)

    def record(self) -> dict[str, Any]:
        record = super().record()
        return record | {"flow": "series", "job": record["job"] | self.series.own()}


def _palette(palette: list[str], spool: Path) -> str | None:
    """The picture with a palette's colours: the one that is named, or one of the colours, written to the spool."""
    if not palette:
        return None
    if len(palette) == 1 and (Path(palette[0]).suffix or "://" in palette[0]):
        return palette[0]
    try:
        data = swatch(palette)
    except ValueError as error:
        raise BadInput(f"palette: {error}; give #RRGGBB, names of colours, or one picture.") from error
    path = spool / _SWATCH
    path.write_bytes(data)
    return str(path)


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())
