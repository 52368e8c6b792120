"""Compares plans with what instructions were written to ask for: step and sign, amount, refusals, silent mistakes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.adjust.plan import AdjustPlan, PlanStep, filter_step
from tasks.adjust.reader import read_instruction

FOLDER = Path(__file__).parent
_NEUTRAL = {"brightness": 1, "contrast": 1, "saturation": 1, "gamma": 1}


def load(path: Path) -> list[tuple[str, list[list[str]] | None]]:
    """Instructions, each with its steps as words; None where it is to be refused."""
    rows = []
    for line in path.read_text("utf-8").splitlines():
        text, _, wanted = line.partition("\t")
        steps = [step.split() for step in wanted.split(";") if step.strip()]
        rows.append((text, None if wanted.strip() == "refused" else steps))
    return rows


@dataclass
class Score:
    """Right answers by kind; `wrong`: a line for each mistake; `silent`: how many were done wrongly without a word."""

    counts: dict[str, list[bool]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    silent: int = 0
    total: int = 0

    def add(self, kind: str, right: bool) -> None:
        self.counts.setdefault(kind, []).append(right)

    def shares(self) -> dict[str, float]:
        found = {kind: sum(right) / len(right) for kind, right in self.counts.items()}
        return {**found, "not wrong in silence": 1 - self.silent / self.total}


def score(rows: list[tuple[str, list[list[str]] | None]]) -> Score:
    result = Score(total=len(rows))
    for text, wanted in rows:
        plan = read_instruction(text)
        if wanted is None:
            result.add("refused", plan.refused is not None)
            right = plan.refused is not None
        else:
            right = plan.refused is None and len(plan.steps) == len(wanted)
            right = right and all(_same(s, w) for s, w in zip(_sorted(plan), _ordered(wanted), strict=True))
            result.add("step and sign", right)
            if right:
                for step, words in zip(_sorted(plan), _ordered(wanted), strict=True):
                    if len(words) > 2 and words[1] in "+-":
                        result.add("amount", _amount(step, words))
                        if not _amount(step, words):
                            result.wrong.append(f"amount: {text!r}: {plan}, not {words}")
        if not right:
            result.wrong.append(f"{text!r}: {plan}; wanted {wanted}")
            result.silent += plan.refused is None
    return result


def _sorted(plan: AdjustPlan) -> list[PlanStep]:
    return sorted(plan.steps, key=lambda step: step.step)


def _ordered(wanted: list[list[str]]) -> list[list[str]]:
    return sorted(wanted, key=lambda words: words[0])


def _same(step: PlanStep, words: list[str]) -> bool:
    name, rest = words[0], [word for word in words[1:] if not word.startswith("@")]
    scope = next((word[1:] for word in words if word.startswith("@")), None)
    scope = {"天空": "sky", "背景": "background"}.get(scope or "", scope)
    if step.step != name or step.scope != scope:
        return False
    if rest and rest[0] in "+-":
        return (step.value > _NEUTRAL.get(name, 0)) == (rest[0] == "+") and step.value != _NEUTRAL.get(name, 0)
    if step.of_scene and len(rest) == 2:
        thing, value = rest
        return step.thing == thing and str(step.value) == value
    return not rest or str(step.value) == rest[0]


def _amount(step: PlanStep, words: list[str]) -> bool:
    sign, amount = (1 if words[1] == "+" else -1), words[2]
    expected: Any
    if amount.isdigit():
        expected = filter_step(step.step, sign, percent=float(amount)).value
    else:
        expected = filter_step(step.step, sign, amount).value  # type: ignore[arg-type]
    return bool(step.value == expected)
