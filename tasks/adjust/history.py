"""What was done to a picture before, as its metadata say: edits of its scene, filters, the size of its scene."""

import json
from collections.abc import Mapping
from typing import Any

from models.asked import Asked
from models.filters import Reference
from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.scene import Edit, Scene
from models.generators.sprite_vae.scene_edits import edit_scene
from tasks.adjust.plan import EDIT, PlanStep
from tasks.adjust.read import FOLLOWS
from tasks.adjust.shard_state import Adjusted
from tasks.asked.read_asked import read_asked
from tasks.enhance.chain import parse_chain
from tasks.text.preprocess import Prepared, PreprocessOptions, preprocess


def earlier_edits(given: Mapping[str, Any]) -> list[Edit]:
    """Edits that an adjusted picture has had since it was generated."""
    try:
        return [Edit(**{**e, "things": tuple(e["things"])}) for e in json.loads(given.get("scene_edits") or "[]")]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("scene_edits of the metadata are damaged; adjust the picture as a file.") from error


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the run that generated a picture. Raises ValueError if they are damaged."""
    damaged = "settings of the metadata are damaged; adjust the picture as a file."
    try:
        settings = json.loads(given.get("settings") or "{}")
    except (ValueError, TypeError) as error:
        raise ValueError(damaged) from error
    if not isinstance(settings, dict):
        raise ValueError(damaged)
    return settings


def earlier_filters(given: Mapping[str, Any]) -> list[PlanStep | str]:
    """Filters that a picture has had since it was generated: those of its run, and those of plans."""
    chain = str(settings_of(given).get("enhance") or "")
    try:
        steps = [PlanStep(**step) for step in json.loads(given.get("filters") or "[]")]
    except (ValueError, TypeError) as error:
        raise ValueError("filters of the metadata are damaged; adjust the picture as a file.") from error
    if any(step.step == EDIT for step in steps):
        raise ValueError(
            "a checkpoint has edited the picture, whose scene is not rendered again; ask for filters alone."
        )
    if any(isinstance(value, Reference) for _, value in parse_chain(chain)):
        raise ValueError(f"its run enhanced it with a file ({chain}), which is not at hand to do it again.")
    return [chain, *steps] if chain else list(steps)


def scene_size(given: Mapping[str, Any]) -> tuple[int, int]:
    """The size at which a picture's scene was rendered, before anything enlarged or cropped it."""
    if given.get("scene_width") and given.get("scene_height"):
        return int(given["scene_width"]), int(given["scene_height"])
    times = 1
    for chain in earlier_filters(given):
        if isinstance(chain, str):
            for step, value in parse_chain(chain):
                times *= step.scale(value)
    return int(given["width"]) // times, int(given["height"]) // times


def open_scene(item: Adjusted, generator: VaeGenerator) -> Scene:
    """The scene of a picture, with all edits that were made of it before. Raises ValueError if there is none."""
    given = item.given
    made_by = given.get("generator_digest")
    if made_by != generator.digest or "seed" not in given:
        made = f"made by {given['generator']}" if given.get("generator") else "of unknown making"
        raise ValueError(
            f"the picture is {made}, and only scenes of the embedded default are rendered again; ask for filters alone."
        )
    if settings_of(given).get("panorama"):
        raise ValueError("the picture is a panorama, whose scene is not rendered again; ask for filters alone.")
    if any(given.get(column) for column in FOLLOWS):
        raise ValueError("the picture follows a reference, and is not rendered again without; ask for filters alone.")
    assert item.features is not None
    scene = Scene(generator, item.features, int(given["seed"]), _asked(given))
    for edit in earlier_edits(given):
        edit_scene(scene, edit, item.described.get(edit.name))
    return scene


def _asked(given: Mapping[str, Any]) -> Asked | None:
    """What the picture's text asks for, if it was made by that: older ones have no `match`."""
    text = str(given.get("encoder_text") or given.get("text") or "")
    (prepared,) = preprocess([text], PreprocessOptions()) if given.get("match") is not None else (None,)
    return read_asked(prepared) if isinstance(prepared, Prepared) else None
