"""A storyboard as rows of prompts: characters' cards first, then the panels in order."""

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from tasks.runfolder.errors import BadInput
from tasks.storyboard.characters import Character
from tasks.storyboard.panels import Panel
from tasks.storyboard.wording import card_prompt, is_chinese, panel_prompt

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "scene": pa.int32(),
        "panel": pa.int32(),
        "heading": pa.string(),
        "shot": pa.string(),
        "action": pa.string(),
        "speaker": pa.string(),
        "manner": pa.string(),
        "dialogue": pa.string(),
        "cast": pa.list_(pa.string()),
        "seconds": pa.float32(),
        "reference_row": pa.list_(pa.string()),
    }
)
"""Scene 0 are the cards, with a character's name as heading and look as action."""


def card_id(character: Character) -> str:
    return f"card-{character.name}"


def storyboard_rows(
    characters: Sequence[Character],
    panels: Sequence[Panel],
    sizes: tuple[tuple[int, int], tuple[int, int]],
    style: str,
    things: Mapping[str, str],
    chinese: bool,
    references: int,
    only: Collection[str] = (),
) -> pa.Table:
    """The rows of a whole storyboard, or of some panels and their characters' cards.

    Args:
        sizes: width and height of cards, and of panels.
        things: what the generator can show, empty if it shows anything.
        references: how many pictures a row may follow: a panel's are the cards of those whom it shows.
        only: ids of panels; all if there are none.

    Raises:
        BadInput: there is no such panel.
    """
    unknown = sorted(set(only) - {panel.id for panel in panels})
    if unknown:
        raise BadInput(
            f"--panels {unknown[0]}: there is no such panel; they go from {panels[0].id} to {panels[-1].id}."
        )
    chosen = [panel for panel in panels if not only or panel.id in only]
    wanted = {one.name for panel in chosen for one in panel.shown} if only else {one.name for one in characters}
    rows = [
        {
            **dict.fromkeys(SCHEMA.names),
            "id": card_id(one),
            "text": card_prompt(one, style, things, chinese),
            "width": sizes[0][0],
            "height": sizes[0][1],
            "scene": 0,
            "panel": number,
            "heading": one.name,
            "action": one.look,
            "cast": [one.name],
        }
        for number, one in enumerate(characters, 1)
        if one.name in wanted
    ]
    rows += [
        {
            **dict.fromkeys(SCHEMA.names),
            "id": panel.id,
            "text": panel_prompt(panel, style, things, _in_chinese(panel, chinese)),
            "width": sizes[1][0],
            "height": sizes[1][1],
            "scene": panel.scene.number,
            "panel": panel.number,
            "heading": panel.scene.heading.text,
            "shot": panel.shot,
            "action": panel.action,
            "speaker": panel.line.speaker if panel.line else None,
            "manner": panel.line.manner if panel.line else None,
            "dialogue": panel.line.text if panel.line else None,
            "cast": [one.name for one in panel.shown],
            "seconds": panel.seconds,
            "reference_row": [card_id(one) for one in panel.shown[:references]],
        }
        for panel in chosen
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return table if references else table.drop_columns(["reference_row"])


def _in_chinese(panel: Panel, whole: bool) -> bool:
    """Whether a panel is in Chinese: scripts mix languages, and each panel speaks its own."""
    texts = (panel.action, panel.line.text if panel.line else "", panel.scene.heading.text)
    own = next((text for text in texts if any(letter.isalpha() for letter in text)), "")
    return is_chinese(own) if own else whole
