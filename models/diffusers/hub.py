"""The folder of a diffusers checkpoint: one on this machine, or brought from the model hub."""

import warnings
from pathlib import Path
from typing import Any

from models.diffusers.weights import CONVERT
from models.messages import one_line
from models.text.transformers_encoder import quiet_hub
from models.weight_files import read_json

INDEX = "model_index.json"
# Never loaded: no image is an input here, and an image that a checker has blackened would pass for a good one.
LEFT_OUT = ("safety_checker", "feature_extractor", "image_encoder")


def is_checkpoint(folder: Path) -> bool:
    """Whether the folder is a diffusers checkpoint, and not our family `flow`, which has a config.json besides."""
    if not (folder / INDEX).is_file():
        return False
    try:
        return "family" not in read_json(folder / "config.json")
    except ValueError:  # none, or another library's
        return True


def find_checkpoint(reference: str) -> Path | None:
    """The folder of a diffusers checkpoint: itself, or what a hub id names (downloaded, if it is not there yet).

    None when the reference can be neither. Raises ValueError when the hub has no such checkpoint, or none to load.
    """
    folder = Path(reference).expanduser()
    if is_checkpoint(folder):
        return folder
    if folder.exists() or reference.count("/") != 1 or reference.startswith((".", "/", "~")):
        return None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    quiet_hub()
    failures: list[Exception] = []
    for variant in (None, "fp16"):  # many have nothing but the latter
        try:
            hf_hub_download(reference, INDEX)
            return Path(
                library().DiffusionPipeline.download(
                    reference,
                    use_safetensors=True,
                    trust_remote_code=False,
                    variant=variant,
                    **dict.fromkeys(LEFT_OUT),
                )
            )
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError):
            return None  # not there, not one of diffusers', or the hub is out of reach
        except (OSError, ValueError) as error:
            failures.append(error)
    pickled = f"; if its weights are pickled, {CONVERT}" if "safetensors" in str(failures[0]) else ""
    told = one_line(failures[0])
    raise ValueError(f"{reference} cannot be had from the model hub: {told}{pickled}.") from failures[0]


def library() -> Any:
    """The package diffusers, logging errors alone. Raises ValueError with one sentence if it is not installed."""
    try:
        import diffusers
    except ImportError as error:
        raise ValueError(
            "A diffusers checkpoint needs the package diffusers; pip install 'imagemill[diffusers]'."
        ) from error
    import transformers

    for logging in (diffusers.utils.logging, transformers.utils.logging):  # the terminal belongs to the command
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    # Its pipelines' about its own parts, of which no user of ours can mend anything.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"diffusers\.")
    return diffusers
