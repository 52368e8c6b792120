"""The commands `report` and `cubes`, which make something of a finished run.

imagemill report RUN --compare OTHER
imagemill cubes RUN --to cubes
"""

from typing import Annotated

from cyclopts import Parameter

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage


def report(run: str, *, compare: str | None = None) -> int:
    """Write a run's page anew, beside another run's pictures if one is named.

    Parameters
    ----------
    run
        A run folder, local or s3://.
    compare
        Another run, whose pictures are shown beside this one's: those of the same id, or of the same text in order.
    """
    from tasks.report.page import write_report

    print(write_report(Storage(run), beside=None if compare is None else Storage(compare)))
    return 0


def cubes(run: str, *, to: str, face: Annotated[int | None, Parameter(name="--face")] = None) -> int:
    """Cut each panorama of a run into the six faces of a cube (front, right, back, left, up, down), as PNG.

    Parameters
    ----------
    run
        The run folder of `imagemill render --panorama`, local or s3://.
    to
        Where the cubes go, a folder each, local or s3://.
    face
        Edge of a face in pixels; by default the power of two at which no detail is lost (512 for 1024 x 512).
    """
    from tasks.render.cubes import write_cubes

    if face is not None and not 16 <= face <= 4096:
        raise BadInput(f"--face is {face}; give 16 to 4096 pixels.")
    count = write_cubes(Storage(run), Storage(to), face)
    print(f"{count:,} cubes in {Storage(to).url()}")
    return 0
