"""Characters: drawn from the script, or given in characters.yaml; each is the same thing in the same colour throughout.

MAYA: {look: a girl in a yellow raincoat, thing: girl, colour: yellow, also: [little one]}
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict

from models.generators.sprite_vae.recolour import COLOURS
from tasks.datasets.emoji.vocabulary import COLOUR_WORDS
from tasks.loading.yaml_files import as_mapping, fill, load_yaml
from tasks.runfolder.errors import BadInput
from tasks.storyboard.script import Beat, Script

ORDER = ("red", "blue", "green", "orange", "purple", "yellow", "pink", "brown", "white", "black", "grey")
"""In which colours are given to characters of whom nobody says one."""
# A character who does not speak is named in capitals, with an age or a description after it.
# Of what is a part of a word: a Chinese character beside a Latin name is none, as Chinese has no spaces.
_WORD = r"[^\W\u2e80-\u9fff\uf900-\ufaff]"
_INTRODUCED = re.compile(
    rf"(?<!{_WORD})([A-Z][A-Z.'’-]*(?: [A-Z][A-Z.'’-]*){{0,3}})\s*(?:[(（]|, (?:an?|the)\b|[，,]\s*一[个只位名头条匹])"
)
_INTRODUCED_ZH = re.compile(r"(?:名叫|叫做|名字叫|叫作)([\u4e00-\u9fff]{2,4}?)(?=[。，,；;！!]|$)")


def _known_colour(colour: str) -> str:
    if colour and colour not in COLOURS:
        raise ValueError(f"there is no colour {colour!r}; take one of {', '.join(COLOURS)}")
    return colour


class Card(BaseModel):
    """An entry of characters.yaml."""

    model_config = ConfigDict(extra="forbid")
    look: str = ""
    """What the character looks like, for models that draw anything."""
    thing: str = ""
    """What the embedded model shows, by its English name; by default what the look says."""
    colour: Annotated[str, AfterValidator(_known_colour)] = ""
    also: list[str] = []
    """Other names under which the script speaks of the character."""


@dataclass(frozen=True)
class Character:
    """A character as every panel shows it.

    Attributes:
        look: for models that draw anything.
        thing, thing_zh, measure: for the embedded model.
        colour: empty for the thing's own, where no other character is such a thing.
        named: all names in the script.
    """

    name: str
    look: str
    thing: str
    thing_zh: str
    measure: str
    colour: str
    named: tuple[str, ...]

    def in_text(self, text: str) -> int:
        """Where a text names the character; -1 if it does not."""
        places = [_find(name, text) for name in self.named]
        return min((place for place in places if place >= 0), default=-1)


@cache
def _cast() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files("tasks.storyboard").joinpath("cast.yaml").read_text("utf-8"))
    return content


def read_cards(path: Path) -> dict[str, Card]:
    """The characters of a file, by name. Raises BadInput."""
    content = as_mapping(load_yaml(path) or {}, str(path))
    return {name: fill(Card, value or {}, f"{path}: {name}") for name, value in content.items()}


def cast(script: Script, cards: Mapping[str, Card], things: Mapping[str, str]) -> list[Character]:
    """The characters of a script in order of appearance, those of `cards` that are not in it last.

    Args:
        things: English names of what the generator can show, with the Chinese ones; empty if it shows anything.

    Raises:
        BadInput: a card names a thing that the generator does not have.
    """
    given = {name.casefold(): (name, card) for name, card in cards.items()}
    also = {other.casefold(): name.casefold() for name, card in cards.items() for other in card.also}
    names = [*_names(script), *cards]
    made: list[Character] = []
    done: set[str] = set()
    for found in names:
        key = also.get(found.casefold(), found.casefold())
        if key in done:
            continue
        done.add(key)
        name, card = given.get(key, (found, Card()))
        made.append(_character(name, card, _description(script, (name, *card.also)), things, made))
    return made


def _character(
    name: str, card: Card, described: str, things: Mapping[str, str], others: Sequence[Character]
) -> Character:
    if card.thing and things and card.thing not in things:
        near = difflib.get_close_matches(card.thing, things, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`imagemill storyboard --list-things` prints all."
        raise BadInput(f"characters: {name}: the generator has no thing {card.thing!r}; {hint}")
    look, roles = card.look or described, _cast()["roles"]
    usable = [role for role in roles if not things or role in things]
    said = card.thing or _role_in(look, usable) or _role_in(name, usable)
    thing = said or _spare(others, usable)
    role = roles.get(thing, {})
    colour = card.colour or _colour_in(look)
    if not colour and (not said or not things or thing in {other.thing for other in others}):
        colour = _free_colour(thing, others)
    if not look:
        look = thing if role and thing in ("man", "woman", "boy", "girl") else ""
    return Character(
        name, look, thing, role.get("zh") or things.get(thing, thing), role.get("measure", "个"), colour,
        (name, *card.also),
    )  # fmt: skip


def _names(script: Script) -> Iterator[str]:
    """Those who speak or are introduced, in order."""
    for scene in script.scenes:
        for beat in scene.beats:
            if beat.speaker:
                yield beat.speaker
                continue
            for pattern in (_INTRODUCED, _INTRODUCED_ZH):
                yield from (found[1].strip() for found in pattern.finditer(beat.text) if len(found[1]) > 1)


def _description(script: Script, names: Collection[str]) -> str:
    """What the script says of a character where it is first named in an action."""
    for beat in _actions(script):
        for name in names:
            at = _find(name, beat.text)
            if at < 0:
                continue
            rest = beat.text[at + len(name) :]
            if found := re.match(r"\s*[（(]([^）)]*)[）)]", rest):
                inner, rest = found[1], rest[found.end() :]
                if re.search(r"[\u4e00-\u9fff]", inner):
                    return re.sub(r"^[^，,、]*岁[，,、]?", "", inner).strip() or inner
            if found := re.match(r"\s*,\s*((?:an?|the)\s[^.;!?]*?)(?:,?\s*[.;!?]|,\s|$)", rest):
                return found[1].strip()
            if found := re.match(r"\s*[，,]\s*(一[个只位名头条匹][^，。,；;]*)", rest):
                return found[1].strip()
            if found := re.search(r"(一[个只位名头条匹][^，。,；;]*)[，,]?(?:名叫|叫做|名字叫|叫作)$", beat.text[:at]):
                return found[1].strip()
    return ""


def _actions(script: Script) -> Iterator[Beat]:
    return (beat for scene in script.scenes for beat in scene.beats if not beat.speaker)


def _find(name: str, text: str) -> int:
    """Where a text has a name; a name in Latin letters has to stand alone."""
    if not name:
        return -1
    alone = rf"(?<!{_WORD}){re.escape(name)}(?!{_WORD})"
    found = re.search(alone if name.isascii() else re.escape(name), text, re.IGNORECASE)
    return found.start() if found else -1


def _role_in(text: str, roles: Sequence[str]) -> str:
    """The role whose word stands first in a text, the longer one where two begin together; empty if there is none.

    What belongs to somebody (`a cook's apron`) is not what the character is.
    """
    text = re.sub(r"\b\w+['’]s\b", "", text)
    words = ((role, word) for role in roles for word in _cast()["roles"][role]["words"])
    found = [(at, -len(word), role) for role, word in words if (at := _find(word, text)) >= 0]
    return min(found)[2] if found else ""


def _spare(others: Sequence[Character], roles: Sequence[str]) -> str:
    spare = [thing for thing in _cast()["spare"] if thing in roles] or ["man"]
    taken = {other.thing for other in others}
    free = [thing for thing in spare if thing not in taken]
    return free[0] if free else spare[len(others) % len(spare)]


def _colour_in(look: str) -> str:
    """The first colour that a description names; empty if it names none."""
    places = [
        (at, colour)
        for colour, words in COLOUR_WORDS.items()
        for word in (*words[0], *words[1])
        if len(word) > 1 and (at := _find(word, look)) >= 0
    ]
    return min(places)[1] if places else ""


def _free_colour(thing: str, others: Sequence[Character]) -> str:
    """A colour that nobody has, if there is one left, of those in which the thing is known."""
    known = _cast()["colours"].get(thing, ORDER)
    taken = [other.colour for other in others]
    return min(known, key=lambda colour: (taken.count(colour), list(known).index(colour)))
