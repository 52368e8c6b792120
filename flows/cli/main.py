"""The `imagemill` command.

    imagemill render prompts.parquet --out run
    imagemill reprocess archive --out run
    imagemill inspect run

Exit codes: 0 complete, 1 failed, 2 bad input, 3 complete with quarantined rows.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError
from pydantic import BaseModel, ValidationError
from rich.console import Console

from flows.engine import local_server
from flows.jobs.render import RenderJob, RenderOptions
from flows.jobs.strict import unknown_option
from flows.lanes.allocator import keep_freed
from flows.lanes.log_lines import tell_on_stderr
from tasks.runfolder.errors import BadInput, Stopped
from tasks.runfolder.filesystem import without_password
from tasks.runfolder.storage import StorageError, explain

if TYPE_CHECKING:  # each command imports what it needs when called
    from flows.engine.summary import Summary

FAILED, BAD_INPUT = 1, 2
Job = TypeVar("Job", bound=BaseModel)

app = App(
    name="imagemill",
    help="Batch text-to-image on Prefect: Parquet of prompts in, pictures and metadata out.",
    suppress_keyboard_interrupt=False,  # `main` handles it
)

app.command("flows.cli.train:dataset", name="dataset", help="Build a captioned data set to train on.")
app.command("flows.cli.train:train", name="train", help="Train a model; running the command again resumes.")
app.command(
    "flows.cli.evaluate:evaluate", name="evaluate", help="Measure how good generators' pictures are, by a judge."
)
app.command(
    "flows.cli.campaign:campaign", name="campaign", help="Make finished ads of products and copy, to platforms' rules."
)
app.command("flows.cli.campaign:export", name="export", help="Copy a campaign's ads to a folder for each platform.")
app.command("flows.cli.reprocess:reprocess", name="reprocess", help="Enhance an archive of pictures, de-identified.")
app.command("flows.cli.reprocess:locate", name="locate", help="Print which files of an archive are at given rows.")
app.command("flows.cli.estimate:estimate", name="estimate", help="Pictures, time, bytes and money, from a sample.")
app.command("flows.cli.notify:notify", name="notify", help="Have the Prefect server tell an address of runs that fail.")
app.command("flows.cli.runs:runs", name="runs", help="List run folders with state, pictures, age and cost.")
app.command("flows.cli.runs:clean", name="clean", help="Delete old or incomplete run folders; dry at first.")
app.command(
    "flows.cli.tune:tune", name="tune", help="Find the best batch size for a diffusers checkpoint on this machine."
)


@app.command
def render(
    prompts: str | None = None,
    *,
    out: str | None = None,
    job: Path | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    options: Annotated[RenderOptions | None, Parameter(name="*")] = None,
) -> int:
    """Render prompts into a run folder. Running the same command again resumes where it stopped.

    Parameters
    ----------
    prompts
        Parquet, CSV, TSV, JSON or one text per line, also compressed; a file, a folder or a glob, local, s3:// or
        https://; `-` for standard input; or a text itself.
    out
        The run folder, local or s3://.
    job
        A YAML file with any of these options (and prompts, out); the command line takes precedence.
    dry_run
        Print the plan and write nothing.
    as_json
        Print the summary as JSON.
    """
    values = {"prompts": prompts, "out": out, **(options or RenderOptions()).model_dump(exclude_unset=True)}
    full = full_job(RenderJob, job, values).dated(datetime.now(UTC))
    return plan_or_run(full, "flows.plans.render:Plan", "flows.render:render", dry_run, as_json)


@app.command
def inspect(run: str, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """Show what a run folder holds, what is missing, and why rows failed.

    Parameters
    ----------
    run
        The run folder, local or s3://.
    as_json
        Print it as JSON.
    """
    from flows.engine.inspection import inspect_run

    inspection = inspect_run(run)
    print(inspection.model_dump_json() if as_json else "\n".join(inspection.lines()))
    return inspection.exit_code


def full_job(
    model: type[Job],
    file: Path | None,
    given: dict[str, Any],
    resolved: Callable[[dict[str, Any]], dict[str, Any]] = lambda values: values,
) -> Job:
    """The job from a YAML file's values (`resolved` by the command), overridden by those of the command line."""
    values: dict[str, Any] = {}
    if file is not None:
        from tasks.loading.yaml_files import load_yaml

        values = load_yaml(file) or {}
        if not isinstance(values, dict):
            raise BadInput(f"{file}: a job is a mapping of options to values; this is a {type(values).__name__}.")
    values = resolved(values) | {name: value for name, value in given.items() if value is not None}
    unknown = [name for name in values if name not in model.model_fields]
    if unknown:
        raise BadInput(f"{file}: {unknown_option(unknown[0], model.model_fields)}")
    return model(**values)


def plan_or_run(job: BaseModel, plan: str, flow: str, dry_run: bool, as_json: bool) -> int:
    """Prints a job's plan, or carries it out; `plan` and `flow` are imported only when needed."""
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
            print_described(resolve_name(plan)(job, Path(spool)).described(), as_json)
        return 0
    local_server.configure()  # before Prefect is imported; the server starts during the other imports
    carry_out = resolve_name(flow)
    local_server.wait_for_server()
    summary: Summary = carry_out(job)
    print_summary(summary, as_json)
    return summary.exit_code


def print_described(described: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(described))
    else:
        width = max(map(len, described))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in described.items()))


def print_summary(summary: "Summary", as_json: bool) -> None:
    """Prints a run's totals and where its results are."""
    if as_json:
        print(summary.as_json())
        return
    Console().print(summary.as_table())
    print(f"pictures  {summary.out}/images\nmetadata  {summary.out}/metadata")
    if summary.report:
        print(f"report    {summary.report}")
    if summary.quarantined:
        failed = summary.failed[summary.quarantined > 1]
        print(f"{summary.quarantined} {failed}; `imagemill inspect {summary.out}` says why", file=sys.stderr)


def sentence(error: ValidationError) -> str:
    """A pydantic error as one sentence per line, naming options as the command line does."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] in {"missing", "string_too_short"}:
            lines.append(
                f"{name} is missing; give it as "
                + (f"{name.upper()}." if name in {"prompts", "archive", "path"} else f"--{name}.")
            )
        else:
            message = problem["msg"].removeprefix("Value error, ")
            message = f"{message[:1].lower()}{message[1:]}"
            option = f"--{name.replace('_', '-')}: {message} (given: {problem['input']!r})"
            lines.append(option if problem["loc"] else message)  # an error of several options names them itself
    return "\n".join(lines)


def _usage_error(error: CycloptsError) -> str:
    """What is wrong with a command line, one sentence per line."""
    if isinstance(error.__cause__, ValidationError):
        return sentence(error.__cause__)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is one argument too many; --help lists what the command takes."
    if isinstance(error, MissingArgumentError) and error.argument and error.keyword is None:
        name, positional = error.argument.name, error.argument.field_info.is_positional
        return f"{name.lstrip('-').upper() if positional else name} is missing; --help explains it."
    return str(error)


def _fail(message: str, code: int) -> NoReturn:
    print(f"imagemill: {without_password(message)}", file=sys.stderr)
    sys.exit(code)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits."""
    keep_freed()
    tell_on_stderr("text")
    try:
        given = sys.argv[1:] if arguments is None else arguments
        # A dash would be taken for an option, so it is replaced by the file it stands for.
        given = ["/dev/stdin" if argument == "-" else argument for argument in given]
        sys.exit(app(given, exit_on_error=False, print_error=False, result_action="return_value"))
    except BadInput as error:
        _fail(str(error), BAD_INPUT)
    except ValidationError as error:
        _fail(sentence(error), BAD_INPUT)
    except CycloptsError as error:
        _fail(_usage_error(error), BAD_INPUT)
    except (StorageError, Stopped, local_server.NoServer) as error:
        _fail(str(error), FAILED)
    except MemoryError as error:  # Python's own has no message
        _fail(str(error) or "the memory is used up; take a smaller --window, or smaller pictures.", FAILED)
    except OSError as error:  # from a training or an evaluation, which write local files
        explained = explain(error, str(error.filename))
        if error.filename is None or explained is None:
            raise
        _fail(str(explained), BAD_INPUT if explained.mendable else FAILED)
    except KeyboardInterrupt:
        print("imagemill: stopped; run the same command again to carry on.", file=sys.stderr, flush=True)
        os._exit(130)  # the end of the interpreter would wait for the stages that still run
