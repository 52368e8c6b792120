"""Storyboard: a script in, a picture for every panel out, as a page, an animatic and a PDF.

    imagemill storyboard script.fountain --out run

The script's panels become rows, which go through the stages of `render`; the run folder is the checkpoint.
"""

from functools import partial

from prefect import flow

from flows.engine.run_folder import dated, opened, title
from flows.engine.run_log import concluded
from flows.engine.summary import Summary
from flows.jobs.storyboard import StoryboardJob
from flows.plans.storyboard import StoryboardPlan
from flows.render import rendered
from tasks.runfolder.storage import Storage
from tasks.storyboard.board import read_board
from tasks.storyboard.film import write_film
from tasks.storyboard.page import write_page
from tasks.storyboard.pdf import write_pdf


@flow(name="storyboard", flow_run_name=title, persist_result=False)
def storyboard(job: StoryboardJob) -> Summary:
    """Makes the panels of a script into a run folder.

    Raises:
        BadInput: the job, its script or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; running the same job again resumes.
        Stopped: more panels failed than `max_failures` allows.
    """
    job = dated(job)
    with opened(job.render_job(), lambda _, spool: StoryboardPlan(job, spool)) as run:
        summary, sheet = rendered(run, partial(write_board, run.plan) if run.plan.whole else None)
    return concluded(summary, job.quarantine_alarm, sheet)


def write_board(plan: StoryboardPlan, out: Storage) -> str:
    """Writes film, PDF and page; the page's full name."""
    board = read_board(out, plan.script.title, plan.table)
    language = "zh" if plan.chinese else "en"
    films = write_film(out, board, plan.typeface, language) if plan.board.animatic else []
    pdf = write_pdf(out, board, plan.typeface, language) if plan.board.pdf else None
    return write_page(out, board, films, pdf, plan.chinese)
