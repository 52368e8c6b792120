"""The command `report`.

imagemill report RUN --compare OTHER
"""

from tasks.report.page import write_report
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
    print(write_report(Storage(run), beside=None if compare is None else Storage(compare)))
    return 0
