"""Scenes cut into panels: an action and the line that follows it, or a line; every scene has at least one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.storyboard.characters import Character
from tasks.storyboard.script import Beat, Scene, Script
from tasks.storyboard.shots import Shot, shot_of, usual_shot

_UNSEEN = re.compile(r"\b(?:O\.?\s?S\.?|V\.?\s?O\.?|O\.?\s?C\.?|off|voice)\b|画外|旁白|话外|内心", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:he|she|they|him|her|them|his)\b|[他她它]们?|两个?人", re.IGNORECASE)
_SECONDS = 2.0, 12.0  # of a panel, at least and at most
_PACE = {"line": (0.4, 0.25), "action": (0.2, 0.1)}  # seconds a word, and a Chinese character


@dataclass(frozen=True)
class Panel:
    """One picture of the storyboard."""

    id: str
    scene: Scene
    number: int
    sky: str | None
    shot: Shot
    action: str
    line: Beat | None
    shown: tuple[Character, ...]

    @property
    def seconds(self) -> float:
        """How long it is shown: as long as its line takes to say, or its action to see."""
        spoken = _reading(self.line.text, "line") + 0.5 if self.line else 0.0
        seen = _reading(self.action, "action")
        return round(min(_SECONDS[1], max(_SECONDS[0], spoken, seen)), 1)


def cut(script: Script, characters: Sequence[Character]) -> list[Panel]:
    """The panels of a whole script, in order."""
    panels: list[Panel] = []
    sky = None
    for scene in script.scenes:
        sky = scene.heading.sky or sky  # CONTINUOUS and LATER say nothing of their own
        before: tuple[Character, ...] = ()
        for number, (action, line) in enumerate(_parts(scene), 1):
            before = _shown(action, line, characters, before)
            shot = shot_of(action) or usual_shot(number == 1, len(before), line is not None and not action)
            id = f"s{scene.number:02d}p{number:02d}"
            panels.append(Panel(id, scene, number, sky, shot, action, line, before))
    return panels


def _parts(scene: Scene) -> Iterator[tuple[str, Beat | None]]:
    """The scene's beats in pairs: an action, empty if there is none, and the line that follows it."""
    action = ""
    for beat in scene.beats:
        if beat.speaker:
            yield action, beat
            action = ""
        else:
            if action:
                yield action, None
            action = beat.text
    if action or not scene.beats:
        yield action, None


def _shown(
    action: str, line: Beat | None, characters: Sequence[Character], before: tuple[Character, ...]
) -> tuple[Character, ...]:
    """Who is seen: who the action names, or means by a pronoun, and who speaks."""
    places = sorted((place, i) for i, one in enumerate(characters) if (place := one.in_text(action)) >= 0)
    shown = [characters[i] for _, i in places]
    if action and not shown and _PRONOUN.search(action):
        shown = list(before)
    if line is not None and not _UNSEEN.search(line.manner):
        speaker = next((one for one in characters if _is(one, line.speaker)), None)
        shown += [speaker] if speaker is not None and speaker not in shown else []
    return tuple(shown)


def _is(character: Character, speaker: str) -> bool:
    return speaker.casefold() in {name.casefold() for name in character.named}


def _reading(text: str, kind: str) -> float:
    word, sign = _PACE[kind]
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    return sign * chinese + word * len(re.findall(r"[A-Za-z0-9'’]+", text))
