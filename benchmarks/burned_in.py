"""How much burned-in text is found: recall by script, size, turn, mirror and contrast, and false alarms.

    python -m benchmarks.burned_in                 # 672 pictures with a name, and all that have none; five minutes
    python -m benchmarks.burned_in --seed 21       # other places and names; thresholds were chosen on seeds 1, 5 and 11
    python -m benchmarks.burned_in --each 4 --fit  # and coefficients for tasks/imaging/text_detector.py

Invented names in seven scripts, in two typefaces that come with OpenCV, are drawn over parts of pydicom's samples,
scikit-image's photographs, noise and black: in the quietest of some places, as devices do, where the text differs from
what is under it by four times that place's standard deviation. High contrast: white on dark or black on bright; low: 70
of 255 levels. A size is the typeface's (capitals are 0.7 of it). Pictures count, not lines: one is found if `has_text`
says so. False alarms are counted over the same backgrounds, cut into pictures, without text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from cyclopts import run
from pydicom import dcmread
from pydicom.data import get_testdata_file
from rich.console import Console
from rich.table import Table
from skimage import data

from tasks.dicom.pixels import decode, levels
from tasks.imaging.burned_in import has_text
from tasks.imaging.previews import shown
from tasks.imaging.text_candidates import View
from tasks.imaging.text_detector import lines
from tasks.imaging.value_range import Levels

NAMES = {
    "Latin": ("ZZNAME Test 1943", "Zzalpha One", "Zzyquist^Perpetua", "ID 8842", "ZZMITH, JOHN"),
    "Chinese": ("王芳", "王小东", "患者 李建国", "张伟 男 45岁"),
    "Japanese": ("佐藤花子", "サトウ ハナコ", "山田 太郎 様"),
    "Korean": ("김민수", "박서연", "홍길동 환자"),
    "Cyrillic": ("Иванов Пётр", "Сидорова", "Кузнецов А.Б."),
    "Arabic": ("محمد علي", "فاطمة الزهراء", "عبد الله"),
    "Greek": ("Παπαδόπουλος", "Γεωργίου Μαρία", "Νίκος"),
}
SIZES = (8, 10, 12, 16, 24, 40)
TURNS = ("upright", "90°", "180°", "270°", "mirrored", "mirrored 90°", "mirrored 180°", "mirrored 270°")
CONTRASTS = ("high", "low")
LOW = 70  # of 255
EDGE = 320  # pixels of a picture
# Samples of pydicom in which there is no text; RG3 has a side mark.
MEDICAL = (
    *("693_J2KI.dcm", "693_J2KR.dcm", "CT_small.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG-LL.dcm", "JPEG2000.dcm"),
    *("MR-SIEMENS-DICOM-WithOverlays.dcm", "MR2_J2KI.dcm", "MR_small.dcm", "RG1_J2KI.dcm", "RG3_J2KI.dcm"),
    *("bad_sequence.dcm", "color-pl.dcm", "eCT_Supplemental.dcm", "emri_small.dcm", "examples_overlay.dcm"),
    *("explicit_VR-UN.dcm", "SC_rgb.dcm"),
)
PHOTOGRAPHS = ("coins", "moon", "chelsea", "brick", "grass", "gravel", "retina", "cell", "immunohistochemistry")


@dataclass(frozen=True)
class Burned:
    """A picture with a name in it, and what is under it."""

    script: str
    size: int
    turn: int
    contrast: str
    picture: np.ndarray
    under: np.ndarray


@cache
def backgrounds() -> tuple[tuple[str, np.ndarray], ...]:
    """Kind (`medical` or `other`) and picture (h, w, 1 or 3) uint8 of each."""
    found = [("medical", _medical(name)) for name in MEDICAL]
    for name in PHOTOGRAPHS:
        pixels = getattr(data, name)()
        found.append(("other", pixels if pixels.ndim == 3 else pixels[..., None]))
    random = np.random.default_rng(0)
    for deviation in (5, 20, 60):
        noise = random.normal(90, deviation, (EDGE, EDGE, 1)).clip(0, 255)
        found.append(("other", noise.astype(np.uint8)))
    return (*found, ("other", np.zeros((EDGE, EDGE, 1), np.uint8)))


def _medical(name: str) -> np.ndarray:
    dataset = dcmread(str(get_testdata_file(name)))
    frames = decode(dataset)
    return np.rint(shown(frames[0], levels(dataset, frames)[0]) * 255).astype(np.uint8)


def cut(edge: int) -> Iterator[tuple[str, np.ndarray]]:
    """All backgrounds in pictures of at most so many pixels a side."""
    for kind, picture in backgrounds():
        for top in range(0, max(1, picture.shape[0] - edge // 3), edge):
            for left in range(0, max(1, picture.shape[1] - edge // 3), edge):
                yield kind, picture[top : top + edge, left : left + edge]


def burned(
    each: int, seed: int = 0, scripts: tuple[str, ...] = tuple(NAMES), sizes: tuple[int, ...] = SIZES
) -> Iterator[Burned]:
    """`each` pictures for every script, size, turn and contrast."""
    random = np.random.default_rng(seed)
    for script in scripts:
        for size in sizes:
            for turn in range(len(TURNS)):
                for contrast in CONTRASTS:
                    for _ in range(each):
                        yield _burn(random, script, size, turn, contrast)


def _burn(random: np.random.Generator, script: str, size: int, turn: int, contrast: str) -> Burned:
    names = NAMES[script]
    drawn = _drawn(names[random.integers(len(names))], size, ("uni", "sans")[random.integers(2)])
    drawn = np.rot90(drawn, turn % 4)
    drawn = drawn[:, ::-1] if turn >= 4 else drawn
    height, width = drawn.shape
    while True:
        under = _part(random, height + 8, width + 8)
        top, left = (random.integers(2, size - side - 2) for size, side in zip(under.shape, drawn.shape, strict=False))
        place = under[top : top + height, left : left + width].astype(float)
        mean = place.mean()
        value = (255.0 if mean < 128 else 0.0) if contrast == "high" else mean + (LOW if mean < 128 else -LOW)
        if abs(value - mean) >= 4 * place.std():
            break
    share = drawn[..., None] / 255
    picture = under.copy()
    picture[top : top + height, left : left + width] = np.rint(place * (1 - share) + value * share).astype(np.uint8)
    return Burned(script, size, turn, contrast, picture, under)


def _drawn(text: str, size: int, face: str) -> np.ndarray:
    """(h, w) uint8: how much of each pixel the letters cover."""
    canvas = np.zeros((3 * size, 2 * size * len(text) + 20), np.uint8)
    cv2.putText(canvas, text, (8, 2 * size), 255, cv2.FontFace(face), size)
    rows, columns = np.nonzero(canvas > 30)
    return canvas[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _part(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A part of a background, on black where it is too small."""
    _, picture = backgrounds()[random.integers(len(backgrounds()))]
    top, left = (random.integers(max(1, side - EDGE)) for side in picture.shape[:2])
    part = picture[top : top + EDGE, left : left + EDGE]
    canvas = np.zeros((max(part.shape[0], height), max(part.shape[1], width), part.shape[2]), np.uint8)
    canvas[: part.shape[0], : part.shape[1]] = part
    return canvas


def seen(picture: np.ndarray) -> bool:
    """Whether text is found in (h, w, 1 or 3) uint8 of no window."""
    return has_text(picture, Levels(0, 255))


def fit_coefficients(each: int) -> None:
    """Logistic regression on the lines of pictures with text and without; prints the coefficients."""
    texts, others = [], [line.figures for _, picture in cut(EDGE) for line in lines(View(picture))]
    for sample in burned(each, seed=1, sizes=(10, 12, 16, 24, 40, 64)):
        before = {tuple(line.figures.round(3)) for line in lines(View(sample.under))}
        found = [line.figures for line in lines(View(sample.picture))]
        texts += [figures for figures in found if tuple(figures.round(3)) not in before]
    figures = np.array([*texts, *others])
    target = np.repeat([1.0, 0.0], [len(texts), len(others)])
    weight = np.repeat([1 / len(texts), 1 / len(others)], [len(texts), len(others)]) * len(target) / 2
    middle, spread = figures.mean(0), figures.std(0)
    inputs = np.column_stack([(figures - middle) / spread, np.ones(len(target))])
    ridge = np.diag([1.0] * figures.shape[1] + [0.0])
    solution = np.zeros(inputs.shape[1])
    for _ in range(30):  # Newton's method
        share = 1 / (1 + np.exp(-inputs @ solution))
        gradient = inputs.T @ (weight * (target - share)) - ridge @ solution
        solution += np.linalg.solve(inputs.T @ (inputs * (weight * share * (1 - share))[:, None]) + ridge, gradient)
    weights = solution[:-1] / spread
    print("INTERCEPT =", round(float(solution[-1] - weights @ middle), 2))
    print("WEIGHTS =", weights.round(2).tolist(), f"# of {len(texts)} lines of text and {len(others)} others")


def main(each: int = 1, fit: bool = False, seed: int = 21) -> None:
    """Prints recall by script and size, by turn and by contrast, and the share of false alarms.

    Parameters
    ----------
    each
        Pictures for every script, size, turn and contrast.
    fit
        First fit the coefficients to other renderings on the same backgrounds (seed 1), and print them.
    seed
        Of names, places and backgrounds. The coefficients were fitted on seed 1, thresholds chosen on 5 and 11.
    """
    if fit:
        fit_coefficients(each)
    found = [(sample, seen(sample.picture)) for sample in burned(each, seed)]
    console = Console(width=120)
    table = Table(title="recall, in percent")
    for column in ("", *(f"{size} px" for size in SIZES)):
        table.add_column(column, justify="right")
    kinds = {
        **{script: [(s, hit) for s, hit in found if s.script == script] for script in NAMES},
        **{turn: [(s, hit) for s, hit in found if TURNS[s.turn] == turn] for turn in TURNS},
        **{f"{name} contrast": [(s, hit) for s, hit in found if s.contrast == name] for name in CONTRASTS},
        "all": found,
    }
    for kind, chosen in kinds.items():
        shares = [np.mean([hit for sample, hit in chosen if sample.size == size]) for size in SIZES]
        table.add_row(kind, *(f"{100 * share:.1f}" for share in shares))
    console.print(table)
    alarms = [(kind, seen(picture)) for kind, picture in cut(2 * EDGE)]
    for kind in ("medical", "other"):
        those = [alarm for of, alarm in alarms if of == kind]
        console.print(f"false alarms, {kind}: {sum(those)} of {len(those)} pictures ({100 * np.mean(those):.1f} %)")


if __name__ == "__main__":
    run(main)
