"""Reads an instruction, English or Chinese, into a plan; what it does not understand it refuses as a whole."""

import difflib
import re
from functools import cache
from types import ModuleType

from tasks.adjust import chinese, english
from tasks.adjust.phrases import Context
from tasks.adjust.plan import AdjustPlan, PlanStep, Refused, filter_step
from tasks.runfolder.errors import BadInput

LONGEST = 400  # characters
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_EXAMPLES = {
    english: "warmer; a bit brighter; much darker; 20% more contrast; less saturation; black and white; "
    "remove the noise; sharper; crop to 4:5; twice as large; fix the white balance; remove the scratches; "
    "lift the shadows; only the sky darker; at sunset; make it night; on a beach; three cats; make the car red; "
    "add a dog; remove the umbrella; replace the cat with a rabbit; move the boat to the left",
    chinese: "暖一点; 更亮; 暗很多; 对比度提高20%; 黑白照片; 去噪; 锐化; 裁成4:5; 放大两倍; 校正白平衡; 去掉划痕; "
    "只把天空调暗; 改成日落; 换到沙滩上; 三只猫; 把汽车改成红色; 加一只狗; 去掉雨伞; 把猫换成兔子; 把小船移到左边",
}


def read_instruction(text: str, scenes: bool = True) -> AdjustPlan:
    """The plan of an instruction.

    Args:
        scenes: whether steps of scenes are possible; an archive's pictures have no scene to render again.
    """
    try:
        steps = _steps(_checked(text))
        if not scenes:
            _only_filters(steps)
    except Refused as reason:
        return AdjustPlan(text, refused=str(reason))
    return AdjustPlan(text, tuple(steps))


def read_chain(text: str) -> str:
    """The enhancement chain of an instruction. Raises BadInput with the reason if filters cannot do what it asks."""
    plan = read_instruction(text, scenes=False)
    if plan.refused is not None:
        raise BadInput(f"--instruct: {plan.refused}")
    return ",".join(f"{step.step}:{step.value}" for step in plan.steps)


def _checked(text: str) -> str:
    if not text.strip():
        raise Refused("the instruction is empty; say what is to be other.")
    if len(text) > LONGEST:
        raise Refused(f"the instruction has {len(text)} characters; say it in at most {LONGEST}.")
    return text


def _steps(text: str) -> list[PlanStep]:
    language = chinese if _CHINESE.search(text) else english
    context = Context()
    steps: list[PlanStep] = []
    said = language.clauses(text)
    if not said:
        raise _not_understood(text, language)
    for clause in said:
        found = _read_clause(clause, context, language)
        if found is None:
            raise _not_understood(clause, language)
        if context.softened:
            steps, context.softened = _softened(steps, context), False
        steps += found
    return _settled(steps, context)


def _read_clause(text: str, context: Context, language: ModuleType) -> list[PlanStep] | None:
    """The steps of a clause, or None if it is not understood. Raises Refused if it is, but cannot be done."""
    for rule in language.RULES:
        steps: list[PlanStep] | None = rule(text, context)
        if steps is not None:
            return steps
    return None


def _softened(steps: list[PlanStep], context: Context) -> list[PlanStep]:
    assert context.note is not None
    return [*steps[:-1], filter_step(*context.note, "bit")]


def _settled(steps: list[PlanStep], context: Context) -> list[PlanStep]:
    """Without repetitions; a sky that there is to be none of is removed unless another one is asked for."""
    skies = [step for step in steps if step.step == "sky"]
    if not skies:
        steps = [*steps, *(PlanStep("remove", word) for sky, word in context.unwanted if sky in {"rain", "snow"})]
        for sky, word in context.unwanted:
            if sky not in {"rain", "snow"}:
                raise Refused(f"no {word} leaves open which sky there is to be; name one, such as night or sunny.")
    kept: list[PlanStep] = []
    for step in steps:
        same = [k for k in kept if (k.step, k.thing, k.scope) == (step.step, step.thing, step.scope)]
        if step.step not in {"add", "remove", "move"} and same and same[0].value != step.value:
            if step.of_scene or (_sign(same[0]) != _sign(step)):
                raise Refused(f"it asks for {same[0]} and for {step}, which contradict each other; drop one.")
            kept = [step if k in same else k for k in kept]
            continue
        kept += [] if step in kept and step.step != "add" else [step]
    for step in kept:
        for part in context.kept:
            if _changes(step, part):
                raise Refused(
                    f"it asks to leave {part} as it is and for {step}, which changes that too; say what is to change "
                    "instead, as in 'only the background darker'."
                )
    gone = {step.value for step in kept if step.step == "remove"}
    for step in kept:
        if step.step == "add" and step.value in gone:
            raise Refused(f"it asks to add and to remove {step.value}; drop one.")
    return kept


def _changes(step: PlanStep, part: str) -> bool:
    """Whether a step changes a part of the picture: sky, background or a thing. The sky is of the background."""
    if not step.of_scene:
        return step.scope in {None, part} or (step.scope == "background" and part == "sky")
    return part in {step.step, step.thing, step.value} or (part == "background" and step.step in {"sky", "place"})


def _sign(step: PlanStep) -> int:
    if not isinstance(step.value, int | float):
        return 0
    neutral = 1 if step.step in {"brightness", "contrast", "saturation", "gamma"} else 0
    return (step.value > neutral) - (step.value < neutral)


def _only_filters(steps: list[PlanStep]) -> None:
    for step in steps:
        if step.of_scene or step.scope or step.step == "crop":
            raise Refused(f"{step} is nothing that filters can do to an archive's pictures; ask for filters alone.")


def _not_understood(text: str, language: ModuleType) -> Refused:
    near = difflib.get_close_matches(text.lower(), _example_list(language), 2, 0.0)
    return Refused(f"{text!r} is not understood; the nearest it knows: {', '.join(map(repr, near))}.")


@cache
def _example_list(language: ModuleType) -> tuple[str, ...]:
    return tuple(_EXAMPLES[language].split("; "))
