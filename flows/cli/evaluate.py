"""The command `imagemill evaluate`. Loaded only when it is called."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.engine import local_server
from flows.evaluate import evaluate as flow
from flows.jobs.evaluate import EvaluateJob, EvaluateOptions
from tasks.evaluation.table import table


def evaluate(
    *generators: str,
    dataset: str,
    out: Path,
    options: Annotated[EvaluateOptions | None, Parameter(name="*")] = None,
) -> int:
    """Measure how good generators are, by a judge of their pictures; one table for all of them.

    Parameters
    ----------
    generators
        `default` or checkpoint folders.
    dataset
        Data set whose names, paraphrases and held-out scenes are the questions.
    out
        Folder for the table and the grids.
    """
    local_server.configure()
    local_server.wait_for_server()
    values = (options or EvaluateOptions()).model_dump()
    summary = flow(EvaluateJob(generators=list(generators) or ["default"], dataset=dataset, out=out, **values))
    print(table(summary.figures))
    print(f"table.md, table.json, asked.csv and the grids are in {summary.out}")
    return 0
