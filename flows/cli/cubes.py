"""The command `imagemill cubes`.

imagemill cubes run --to cubes
"""

from typing import Annotated

from cyclopts import Parameter


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
    from tasks.runfolder.errors import BadInput
    from tasks.runfolder.storage import Storage

    if face is not None and not 16 <= face <= 4096:
        raise BadInput(f"--face is {face}; give 16 to 4096 pixels.")
    count = write_cubes(Storage(run), Storage(to), face)
    print(f"{count:,} cubes in {Storage(to).url()}")
    return 0
