"""The command `review`.

imagemill review runs/spring            # rate and compare the pictures in the browser
imagemill review runs/spring --label-studio export.json
"""

from pathlib import Path

from tasks.runfolder.errors import BadInput


def review(
    run: str,
    *,
    port: int = 8420,
    label_studio: Path | None = None,
) -> int:
    """Rate a run's pictures in the browser, served by this machine to itself; votes go to RUN/feedback.

    Parameters
    ----------
    run
        The run folder, local or s3://.
    port
        Where the server listens; 0 takes any free one.
    label_studio
        An export of Label Studio (JSON) to read votes from, instead of serving.
    """
    from tasks.feedback.server import serve

    if label_studio is not None:
        return _import(run, label_studio)
    if not 0 <= port <= 65535:
        raise BadInput(f"--port {port}: give a number from 0 to 65535.")
    serve(run, port, told=lambda address: print(f"review at {address}  (stop with Ctrl-C)", flush=True))
    return 0


def _import(run: str, export: Path) -> int:
    from tasks.feedback.label_studio import read_export
    from tasks.feedback.pictures import run_pictures
    from tasks.feedback.votes import FeedbackLog
    from tasks.runfolder.storage import Storage

    try:
        data = export.read_bytes()
    except OSError as error:
        raise BadInput(f"{export}: {error.strerror}; check the path.") from error
    pictures = run_pictures(Storage(run))
    log = FeedbackLog(Storage(run))
    new = [log.add(vote, pictures) for vote in list(read_export(data, pictures, str(export)))]
    print(f"{sum(new):,} votes, {len(new) - sum(new):,} known already, to {Storage(run).url('feedback')}")
    return 0
