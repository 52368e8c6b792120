"""The checkpoint that a training begins with: `--from`."""

from pathlib import Path
from typing import Any

from models import checkpoint
from tasks.runfolder.errors import BadInput
from tasks.training.data.feature_cache import Encoder


def start_config(start: Path, family: str, encoder: Encoder) -> dict[str, Any]:
    """The checkpoint's configuration. Raises BadInput unless it is of the family and reads the encoder's features."""
    try:
        content = checkpoint.read_config(start)
    except ValueError as error:
        raise BadInput(f"--from: {error}") from None
    if content["family"] != family:
        raise BadInput(f"--from: {start} holds a model of the family {content['family']!r}, not {family!r}.")
    if content.get("features") != encoder.width:
        raise BadInput(
            f"{start} reads features of {content.get('features')} numbers, but the encoder {encoder.name!r} "
            f"makes {encoder.width}: train with --encoder {content.get('encoder')}."
        )
    if content.get("encoder_digest") != encoder.digest:
        raise BadInput(
            f"{start} was trained on the features of another encoder than {encoder.name!r}: "
            f"train with --encoder {content.get('encoder')}."
        )
    return content
