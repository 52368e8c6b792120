"""What an instruction comes to: a list of steps, or the reason why it is refused."""

from dataclasses import dataclass
from typing import Any, Literal

from models.filters import STEPS

SCENE_STEPS = ("sky", "place", "count", "colour", "add", "remove", "replace", "move")
"""Steps that render the scene again; all others change the finished picture."""
CROP = "crop"
EDIT = "edit"
"""By a checkpoint, which is given the instruction as it stands."""
Amount = Literal["bit", "plain", "much"]

# The value of a filter for a little, plainly, and much: more of it, then less of it.
_AMOUNTS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "brightness": ((1.08, 1.18, 1.4), (0.92, 0.83, 0.62)),
    "contrast": ((1.08, 1.2, 1.5), (0.92, 0.82, 0.6)),
    "saturation": ((1.15, 1.35, 1.8), (0.85, 0.65, 0.35)),
    "temperature": ((10, 20, 45), (-10, -20, -45)),
    "tint": ((6, 12, 25), (-6, -12, -25)),
    "gamma": ((1.1, 1.25, 1.6), (0.92, 0.8, 0.6)),
    "sharpen": ((0.2, 0.4, 1.0), ()),
    "denoise": ((0.15, 0.3, 0.6), ()),
    "clahe": ((1, 2, 4), ()),
    "repair": ((0.3, 0.5, 0.8), ()),
}
_FACTORS = {"brightness", "contrast", "saturation", "gamma"}
_LARGEST = {"brightness": 4, "contrast": 4, "saturation": 4, "gamma": 4, "sharpen": 4, "denoise": 1, "clahe": 40}


class Refused(ValueError):
    """An instruction, or a part of it, that is not carried out; the sentence says why."""


@dataclass(frozen=True)
class PlanStep:
    """One step of a plan.

    Attributes:
        step: a filter of `--enhance`, `crop`, or one of `SCENE_STEPS`.
        value: what the step is given: a number or a word; of `count`, a text such as +1 is relative.
        thing: of what in the scene, as it was called; scope: the part of the picture that a filter is confined to.
        at: which of several, by side or colour; amount: how far something moves.
    """

    step: str
    value: Any
    thing: str | None = None
    scope: str | None = None
    at: str | None = None
    amount: Amount | None = None

    @property
    def of_scene(self) -> bool:
        return self.step in SCENE_STEPS

    def as_dict(self) -> dict[str, Any]:
        """Without what it does not say."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def __str__(self) -> str:
        if not self.of_scene:
            value = f"{self.value:g}" if isinstance(self.value, float | int) else str(self.value)
            sign = "+" if self.step in {"temperature", "tint"} and not value.startswith("-") else ""
            return f"{self.step}:{sign}{value}" + (f" ({self.scope})" if self.scope else "")
        words = [self.step, self.at, self.thing, str(self.value) if self.step != "replace" else f"by {self.value}"]
        return " ".join(word for word in [*words, self.amount and f"({self.amount})"] if word)


@dataclass(frozen=True)
class AdjustPlan:
    """An instruction as it was understood; `refused` says why nothing is done, and then there are no steps."""

    instruction: str
    steps: tuple[PlanStep, ...] = ()
    refused: str | None = None

    def as_dict(self) -> dict[str, Any]:
        plan = [step.as_dict() for step in self.steps]
        return {"instruction": self.instruction, "plan": plan, "refused": self.refused}

    def __str__(self) -> str:
        if self.refused:
            return f"refused: {self.refused}"
        return ", ".join(map(str, self.steps)) or "nothing to change"


def filter_step(name: str, sign: int, amount: Amount = "plain", percent: float | None = None) -> PlanStep:
    """A filter with a value for more (+1) or less (-1) of it.

    Args:
        percent: by how much, if it was said: of factors 20 is 1.2 or 0.8, of colour temperature 20 mired.

    Raises:
        Refused: the filter does not work in this direction, or not that far.
    """
    more, less = _AMOUNTS[name]
    if sign < 0 and not less:
        opposite = {"sharpen": "less sharp", "denoise": "more noise", "clahe": "less detail", "repair": "more damage"}
        raise Refused(f"{opposite[name]} is nothing that a filter here does; the nearest is {name} itself.")
    if percent is None:
        value = (more if sign > 0 else less)[("bit", "plain", "much").index(amount)]
        return PlanStep(name, value)
    if name in _FACTORS:
        value = 1 + sign * percent / 100
    elif name in {"temperature", "tint"}:
        value = sign * percent
    else:
        value = percent / 100 * (4 if name == "clahe" else 1)
    low, high = (0.0 if name != "gamma" else 0.1), _LARGEST.get(name, 1)
    if name == "temperature":
        low, high = -80, 200
    if name == "tint":
        low, high = -50, 50
    if not low <= value <= high:
        raise Refused(f"{percent:g} % is farther than {name} goes; it takes {STEPS[name].argument.takes()}.")
    return PlanStep(name, round(value, 4))
