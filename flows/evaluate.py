"""Evaluate: how good generators are, judged by their pictures; one table for all of them.

    imagemill evaluate default out/flow out/gan --dataset data/emoji --out out/evaluation

A separately trained judge that never sees a text (models/judge/model.py) looks at the pictures. Written to the folder:
`table.md`, `table.json`, and for each generator `names.png` and `scenes.png` to look at, in the order of `asked.csv`.
"""

from prefect import flow

from flows.engine.stage_call import called
from flows.jobs.evaluate import EvaluateJob, EvaluateSummary
from flows.stages.evaluate import Evaluation, ask, generate, judge_pictures, load, load_candidate, write_table

OF_EACH_GENERATOR = [
    generate,  # its pictures for all questions
    judge_pictures,  # figures from what the judge sees in them
    write_table,  # all figures so far
]
"""The stages of each generator, in order, once the data set, the judge and all generators are loaded."""


@flow(name="evaluate", flow_run_name="{job.generators}", persist_result=False)
def evaluate(job: EvaluateJob) -> EvaluateSummary:
    """Judges generators; see `run_evaluation`. The table is also an artifact of the flow run."""
    return run_evaluation(job)


def run_evaluation(job: EvaluateJob) -> EvaluateSummary:
    """Asks every generator the same questions, has the judge look at the pictures, and writes table and grids.

    Raises:
        BadInput: a generator, the judge or the data set cannot be used; nothing has been written.
        StorageError: storage failed.
    """
    evaluation = Evaluation(job)
    called(load)(evaluation)
    candidates = [called(load_candidate)(evaluation, reference) for reference in job.generators]
    called(ask)(evaluation)
    for candidate in candidates:
        for stage in OF_EACH_GENERATOR:
            called(stage)(evaluation, candidate)
    return EvaluateSummary(out=job.out, figures=evaluation.figures)
