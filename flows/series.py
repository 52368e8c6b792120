"""Series: subjects in, pictures of all in one style out, and a page that measures how alike they are.

    imagemill series series.yaml --out run

The subjects become rows, which go through the stages of `render`; the run folder is the checkpoint.
"""

from prefect import flow

from flows.engine.run_folder import dated, opened, title
from flows.engine.run_log import concluded
from flows.engine.summary import Summary
from flows.jobs.series import SeriesJob
from flows.plans.series import SeriesPlan
from flows.render import rendered
from tasks.runfolder.storage import Storage
from tasks.series.page import write_page
from tasks.storyboard.wording import is_chinese


@flow(name="series", flow_run_name=title, persist_result=False)
def series(job: SeriesJob) -> Summary:
    """Makes the pictures of a series into a run folder.

    Raises:
        BadInput: the job, its subjects or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; running the same job again resumes.
        Stopped: more subjects failed than `max_failures` allows.
    """
    job = dated(job)
    with opened(job.render_job(), lambda _, spool: SeriesPlan(job, spool)) as run:
        table = run.plan.table
        style = ", ".join(word for word in (job.style, job.light, job.camera) if word)

        def write(out: Storage) -> str:
            return write_page(out, job.name, table, style, is_chinese("".join(table["subject"].to_pylist())))

        summary, sheet = rendered(run, write)
    return concluded(summary, job.quarantine_alarm, sheet)
