"""The `imagemill` command.

    imagemill render prompts.parquet --out run
    imagemill reprocess archive --out run
    imagemill inspect run

Exit codes: 0 complete, 1 failed, 2 bad input, 3 complete with quarantined rows.
"""

import os
import sys
from importlib import metadata
from typing import NoReturn

from cyclopts import App

from flows.lanes.allocator import keep_freed
from flows.lanes.log_lines import tell_on_stderr

RENDER_EXAMPLES = """Examples:

    imagemill render "a red car" --out runs/car
    imagemill render prompts.csv --out runs/spring --count 4 --seed 7
    imagemill render --job nightly.yaml --dry-run
    imagemill render prompts.parquet --out runs/again --only ids.txt
    imagemill render prompts.parquet --out runs/xl --generator CHECKPOINT --device cuda --dtype bfloat16
"""

app = App(
    name="imagemill",
    help="Batch text-to-image on Prefect: Parquet of prompts in, pictures and metadata out.",
    version=lambda: metadata.version("imagemill"),
    suppress_keyboard_interrupt=False,  # `main` handles it
)

# By name: what a command needs is imported when it is called, so that help is quick.
app.command(
    "flows.cli.render:render",
    name="render",
    help="Render prompts into a run folder; run again, it resumes.",
    help_epilogue=RENDER_EXAMPLES,
)
app.command("flows.cli.render:inspect", name="inspect", help="Show what a run folder holds, and why rows failed.")
app.command("flows.cli.train:dataset", name="dataset", help="Build a captioned data set to train on.")
app.command("flows.cli.train:train", name="train", help="Train a model; running the command again resumes.")
app.command(
    "flows.cli.evaluate:evaluate", name="evaluate", help="Measure how good generators' pictures are, by a judge."
)
app.command(
    "flows.cli.campaign:campaign", name="campaign", help="Make finished ads of products and copy, to platforms' rules."
)
app.command("flows.cli.adjust:adjust", name="adjust", help="Adjust pictures by an instruction in plain words.")
app.command("flows.cli.of_run:report", name="report", help="Write a run's page anew; compare two runs on it.")
app.command("flows.cli.review:review", name="review", help="Rate and compare a run's pictures in the browser.")
app.command("flows.cli.promote:promote", name="promote", help="Put a model to use if its pictures are preferred.")
app.command("flows.cli.promote:rollback", name="rollback", help="Go back to the model that was in use before.")
app.command("flows.cli.campaign:export", name="export", help="Copy a campaign's ads to a folder for each platform.")
app.command("flows.cli.of_run:cubes", name="cubes", help="Cut a run's panoramas into the six faces of a cube.")
app.command("flows.cli.series:series", name="series", help="Make pictures of many subjects in one style.")
app.command("flows.cli.storyboard:storyboard", name="storyboard", help="Make a picture for every panel of a script.")
app.command("flows.cli.reprocess:reprocess", name="reprocess", help="Enhance an archive of pictures, de-identified.")
app.command("flows.cli.reprocess:locate", name="locate", help="Print which files of an archive are at given rows.")
app.command("flows.cli.reprocess:verify", name="verify", help="Search a run's results for the source's identifiers.")
app.command("flows.cli.estimate:estimate", name="estimate", help="Pictures, time, bytes and money, from a sample.")
app.command("flows.cli.editors:completion", name="completion", help="Print a shell's completion of this command.")
app.command("flows.cli.editors:schema", name="schema", help="Print the JSON schema of a YAML job, for editors.")
app.command("flows.cli.notify:notify", name="notify", help="Have the Prefect server tell an address of runs that fail.")
app.command("flows.cli.runs:runs", name="runs", help="List run folders with state, pictures, age and cost.")
app.command("flows.cli.runs:clean", name="clean", help="Delete old or incomplete run folders; dry at first.")
app.command(
    "flows.cli.tune:tune", name="tune", help="Find the best batch size for a diffusers checkpoint on this machine."
)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits."""
    keep_freed()
    tell_on_stderr("text")
    given = sys.argv[1:] if arguments is None else arguments
    # A dash would be taken for an option, so it is replaced by the file it stands for.
    given = ["/dev/stdin" if argument == "-" else argument for argument in given]
    if sys.stderr.isatty() and given and not {"--help", "-h", "--version"} & set(given):
        print(f"imagemill {given[0]}: starting", file=sys.stderr, flush=True)  # models take seconds to import
    try:
        sys.exit(app(given, exit_on_error=False, print_error=False, result_action="return_value"))
    except Exception as error:
        from flows.cli.sentences import told

        sentence = told(error)
        if sentence is None:
            raise
        print(f"imagemill: {sentence[0]}", file=sys.stderr)
        sys.exit(sentence[1])
    except KeyboardInterrupt:
        print("imagemill: stopped; run the same command again to carry on.", file=sys.stderr, flush=True)
        os._exit(130)  # the end of the interpreter would wait for the stages that still run
