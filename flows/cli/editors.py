"""The commands `schema` and `completion`: what editors and shells know of jobs and options.

imagemill schema > imagemill.schema.json      # and in a job: # yaml-language-server: $schema=imagemill.schema.json
imagemill completion bash > ~/.local/share/bash-completion/completions/imagemill
"""

import json
from pkgutil import resolve_name
from typing import Literal

from pydantic import BaseModel

JOBS = {
    "render": "flows.jobs.render:RenderJob",
    "reprocess": "flows.jobs.reprocess:ReprocessJob",
    "campaign": "flows.jobs.campaign:CampaignJob",
    "storyboard": "flows.jobs.storyboard:StoryboardJob",
    "series": "flows.jobs.series:SeriesJob",
    "adjust": "flows.jobs.adjust:AdjustJob",
}


def schema(flow: Literal["render", "reprocess", "campaign", "storyboard", "series", "adjust"] = "render", /) -> int:
    """Print the JSON schema of a YAML job, for editors that check and complete it.

    Parameters
    ----------
    flow
        The command that takes the job.
    """
    job: type[BaseModel] = resolve_name(JOBS[flow])
    found = job.model_json_schema()
    found.pop("required", None)  # any option may come from the command line instead
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = f"imagemill {flow}"
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what completes commands and options in a shell.

    Parameters
    ----------
    shell
        Save it as ~/.local/share/bash-completion/completions/imagemill for bash, as _imagemill in a folder of zsh's
        fpath, or as ~/.config/fish/completions/imagemill.fish.
    """
    from flows.cli.main import app

    print(app.generate_completion(shell=shell))
    return 0
