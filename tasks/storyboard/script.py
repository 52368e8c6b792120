"""A script as scenes of actions and lines, whatever file it came from."""

from dataclasses import dataclass, field

from tasks.storyboard.heading import Heading
from tasks.storyboard.shots import shot_of


@dataclass(frozen=True)
class Beat:
    """An action, or a character's line: `speaker` and `manner` (what stands in brackets) are empty for an action."""

    text: str
    speaker: str = ""
    manner: str = ""


@dataclass
class Scene:
    """A scene: its number in the script from 1 on, its heading, and its actions and lines in order."""

    number: int
    heading: Heading
    beats: list[Beat] = field(default_factory=list)


@dataclass
class Script:
    """A whole script."""

    title: str
    scenes: list[Scene] = field(default_factory=list)

    def begin(self, heading: Heading) -> Scene:
        """Adds a scene."""
        self.scenes.append(Scene(len(self.scenes) + 1, heading))
        return self.scenes[-1]

    def add(self, beat: Beat) -> None:
        """Adds a beat to the last scene, or to a first one without a heading.

        A "speaker" that is a shot, as in `CLOSE UP: a hand` or `特写：一只手`, speaks no line.
        """
        if beat.speaker and shot_of(beat.speaker):
            beat = Beat(f"{beat.speaker}: {beat.text}")
        if beat.text.strip():
            (self.scenes[-1] if self.scenes else self.begin(Heading(""))).beats.append(beat)
