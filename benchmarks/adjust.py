"""Whether an edit of a scene changes what was asked and nothing else, as the judge sees it.

    python -m benchmarks.adjust                    # 60 pictures for each kind of edit; two minutes on one core
    python -m benchmarks.adjust --each 4

Scenes of everyday things are rendered by the embedded default from English and Chinese texts; of those in which the
judge, who is part of no generator, sees everything that the text names, each is adjusted by an instruction in plain
words (read by tasks/adjust), rendered again from its seed and judged again. `changed`: the judge sees what was asked;
as in `imagemill evaluate`, a colour is right if it sees anything painted so that was not, and a count if it sees as
many things as asked, since it takes a blue dog for a leopard now and then.
`kept`: of what the instruction did not ask about (place, sky, each other thing that was named, its colour), the share
that it sees as before.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from cyclopts import run
from rich.console import Console
from rich.table import Table

from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.scene import Scene
from models.generators.sprite_vae.scene_edits import edit_scene
from models.judge.model import EDGE, Judge, load_judge
from models.protocols import TextEncoder
from tasks.adjust.make import edit_of
from tasks.adjust.reader import read_instruction
from tasks.datasets.emoji.scenes import PROPS
from tasks.datasets.emoji.things import concepts_of
from tasks.loading.models import load_encoder, load_generator

KINDS = ("sky", "place", "count", "colour", "add", "remove", "replace", "move")
THINGS = {
    "cat": "猫", "dog": "狗", "car": "汽车", "bus": "公交车", "house": "房子", "rabbit": "兔子", "horse": "马",
    "elephant": "大象", "bicycle": "自行车", "castle": "城堡", "cow": "奶牛", "rocket": "火箭", "lion": "狮子",
}  # fmt: skip
SKIES = {"sunny": ("sunny", "晴天"), "sunset": ("at sunset", "日落"), "night": ("at night", "夜晚")}
SKIES |= {"rain": ("in the rain", "下雨"), "snow": ("in falling snow", "下雪"), "cloud": ("on a cloudy day", "阴天")}
PLACES = {
    "beach": ("on the beach", "沙滩上"),
    "meadow": ("in a meadow", "草地上"),
    "desert": ("in the desert", "沙漠里"),
}
PLACES |= {
    "city": ("in the city", "城市里"),
    "snowfield": ("in a snowy field", "雪地里"),
    "forest": ("in the forest", "森林里"),
}
COLOURS = {"red": "红色", "blue": "蓝色", "green": "绿色", "purple": "紫色", "yellow": "黄色"}
_TRIES = 12  # scenes for each that is measured, at most: the judge does not see all things of all scenes


@dataclass(frozen=True)
class Seen:
    """What the judge sees in a picture; things beside those that often surround scenes, with their colours."""

    place: str
    sky: str
    things: tuple[tuple[str, str, float], ...]

    def count(self, concept: str) -> int:
        return sum(thing == concept for thing, _, _ in self.things)


@dataclass(frozen=True)
class Case:
    """A text, the things that it names, an instruction, and which concepts that is about."""

    text: str
    named: tuple[str, ...]
    instruction: str
    wanted: str
    about: tuple[str, ...]


def look(judge: Judge, picture: torch.Tensor) -> Seen:
    with torch.inference_mode():
        verdict = judge(picture[None])
        config, things = judge.config, judge.things(verdict)[0]
    seen = [
        (config.concepts[t.concept], config.colours[t.colour] if t.colour >= 0 else "", t.x)
        for t in things
        if config.concepts[t.concept] not in PROPS
    ]
    return Seen(
        config.places[int(verdict.place.argmax())], config.skies[int(verdict.sky.argmax())], tuple(sorted(seen))
    )


def cases(kind: str, chance: random.Random) -> Iterator[Case]:
    """Endless cases of a kind, English and Chinese by turns."""
    for number in itertools.count():
        yield _case(kind, chance, number % 2 == 1)


def _case(kind: str, chance: random.Random, chinese: bool) -> Case:
    first, second, third = chance.sample(sorted(THINGS), 3)
    a, b, c = (THINGS[name] if chinese else name for name in (first, second, third))
    place, where = chance.choice(sorted(PLACES.items()))
    sky, when = chance.choice(sorted(SKIES.items()))
    named: tuple[str, ...] = (first,) if kind in {"count", "add"} else (first, second)
    if chinese:
        text = f"{when[1]}，{where[1]}有一只{a}" + (f"和一只{b}" if len(named) > 1 else "")
    else:
        text = f"a {a}" + (f" and a {b}" if len(named) > 1 else "") + f" {where[0]} {when[0]}"
    colour = chance.choice(sorted(COLOURS))
    if kind == "sky":
        sky = chance.choice([name for name in SKIES if name != sky])
        told = f"改成{SKIES[sky][1]}" if chinese else f"make it {sky}" if sky == "sunny" else SKIES[sky][0]
        return Case(text, named, told, sky, ())
    if kind == "place":
        place = chance.choice([name for name in PLACES if name != place])
        return Case(text, named, f"换到{PLACES[place][1]}" if chinese else f"move it {PLACES[place][0]}", place, ())
    number = chance.choice([2, 3])
    side = chance.choice(["left", "right"])
    told, wanted, about = {
        "count": (
            f"要{'两三'[number - 2]}只{a}" if chinese else f"{('two', 'three')[number - 2]} {a}s",
            str(number),
            (first,),
        ),
        "colour": (f"把{a}改成{COLOURS[colour]}" if chinese else f"make the {a} {colour}", colour, (first,)),
        "add": (f"加一只{c}" if chinese else f"add a {c}", third, (third,)),
        "remove": (f"去掉{a}" if chinese else f"remove the {a}", first, (first,)),
        "replace": (f"把{a}换成{c}" if chinese else f"replace the {a} with a {c}", third, (first, third)),
        "move": (
            f"把{a}移到{'左边' if side == 'left' else '右边'}" if chinese else f"move the {a} to the {side}",
            side,
            (first,),
        ),
    }[kind]
    return Case(text, named, told, wanted, about)


def has_changed(kind: str, case: Case, before: Seen, after: Seen) -> bool:
    """Whether the judge sees in the picture what the instruction asked for."""
    ids = [concepts_of(name)[0] for name in case.about]
    if kind == "sky":
        return after.sky == case.wanted
    if kind == "place":
        return after.place == case.wanted
    if kind == "count":
        return len(after.things) == int(case.wanted)
    if kind == "colour":
        painted = [sum(colour == case.wanted for _, colour, _ in seen.things) for seen in (before, after)]
        return painted[1] == painted[0] + 1
    if kind == "remove":
        return after.count(ids[0]) < before.count(ids[0])
    if kind == "move":
        was, now = (next((x for concept, _, x in seen.things if concept == ids[0]), None) for seen in (before, after))
        return was is not None and now is not None and (now - was) * (1 if case.wanted == "right" else -1) > 0.03
    return after.count(ids[-1]) == before.count(ids[-1]) + 1 and (kind == "add" or not after.count(ids[0]))


def kept(kind: str, case: Case, before: Seen, after: Seen) -> tuple[int, int]:
    """How many attributes that nobody asked about are as before, of how many."""
    ids = {concepts_of(name)[0] for name in case.about}
    same = [before.place == after.place] * (kind != "place") + [before.sky == after.sky] * (kind != "sky")
    named = [concepts_of(name)[0] for name in case.named]
    others = [concept for concept in named if concept not in ids]
    was = Counter((concept, colour) for concept, colour, _ in before.things if concept in others)
    now = Counter((concept, colour) for concept, colour, _ in after.things if concept in others)
    for concept in others:
        same.append(before.count(concept) == after.count(concept))
        colours = [{c for (thing, c) in seen if thing == concept} for seen in (was, now)]
        same.append(colours[0] == colours[1])
    return sum(same), len(same)


def measure(kind: str, each: int, seed: int = 0) -> tuple[float, float, int]:
    """Shares of changes that the judge sees, and of other attributes that it sees as before; how many were measured."""
    generator = load_generator("default", "cpu")
    assert isinstance(generator, VaeGenerator)
    encoder, judge = load_encoder(generator, "cpu"), load_judge()
    assert encoder is not None
    chance = random.Random(f"{kind} {seed}")
    changes: list[bool] = []
    same = of = 0
    for number, case in zip(range(each * _TRIES), cases(kind, chance), strict=False):
        scene = Scene(generator, encoder.encode([case.text])[0], seed + number)
        before = look(judge, scene.render(EDGE, EDGE))
        if {concepts_of(name)[0] for name in case.named} - {concept for concept, _, _ in before.things}:
            continue
        _adjust(scene, case.instruction, encoder)
        after = look(judge, scene.render(EDGE, EDGE))
        changes.append(has_changed(kind, case, before, after))
        part, whole = kept(kind, case, before, after)
        same, of = same + part, of + whole
        if len(changes) == each:
            break
    return sum(changes) / len(changes), same / of, len(changes)


def _adjust(scene: Scene, instruction: str, encoder: TextEncoder) -> None:
    plan = read_instruction(instruction)
    assert plan.refused is None, plan.refused
    for step in plan.steps:
        edit = edit_of(step)
        edit_scene(scene, edit, encoder.encode([edit.name])[0] if step.step in {"add", "count"} else None)


def main(each: int = 60, seed: int = 0) -> None:
    """Prints a line for each kind of edit.

    Parameters
    ----------
    each
        Pictures for each kind.
    seed
        Another one takes other texts and pictures.
    """
    table = Table("edit", "pictures", "asked attribute changed", "others kept")
    totals = []
    for kind in KINDS:
        changed, others, pictures = measure(kind, each, seed)
        totals.append((changed, others))
        table.add_row(kind, str(pictures), f"{changed:.1%}", f"{others:.1%}")
    mean = [sum(column) / len(column) for column in zip(*totals, strict=True)]
    table.add_row("all", "", f"{mean[0]:.1%}", f"{mean[1]:.1%}")
    Console().print(table)


if __name__ == "__main__":
    run(main)
