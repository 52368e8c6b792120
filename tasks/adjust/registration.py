"""Edits by a checkpoint laid over the picture that they are of: aligned with it, measured, and kept out of the rest.

Editors move and scale what they were not asked to change. An edit is aligned by an affine map (enhanced correlation
coefficient, Evangelidis and Psarakis 2008) where nothing was to change; how far what is there still lies from where it
was is measured in blocks by normalised correlation. Pixels outside of the mask keep the original's very values.
"""

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from tasks.imaging.picture_mask import at_size, blended

MOST_SHIFT = 1.0  # pixels that what was to stay may lie from where it was
_BLOCK = 48  # pixels of an edge of what is looked for
_REACH = 32  # pixels to each side in which it is looked for
_LEAST_DETAIL = 0.015  # standard deviation of a block's edges that tells where it is
_RECOGNISED = 0.6  # correlation of two blocks that show the same
_LEAST_RESPONSE = 0.12  # of a phase correlation that is worth beginning with
_CHANGED = 0.1  # difference of smoothed colours that is a change rather than an editor's noise
_WORTH = 0.25  # pixels of misalignment that are worth resampling for


def composited(original: Tensor, edited: Tensor, mask: Tensor | None) -> tuple[Tensor, float | None]:
    """The edit within what it was to change, the original elsewhere, and the shift in pixels that remained.

    Args:
        original, edited: (3, h, w) in [0, 1].
        mask: (1, h', w'), white where there may be changes; None: where the aligned edit differs.

    Returns:
        (3, h, w), and how far what was to stay lies from where it was; None where too little of it can be recognised.

    Raises:
        ValueError: it lies farther than `MOST_SHIFT`.
    """
    before = original.permute(1, 2, 0).numpy()
    after = edited.permute(1, 2, 0).numpy()
    free = None if mask is None else at_size(mask, *original.shape[-2:])[0].numpy() > 0
    aligned, inside = _aligned(before, after, free)
    changed = _changed(before, aligned) if free is None else free
    # Without a mask all that is recognised tells: where something else is now, nothing is.
    shift = measured_shift(before, aligned, np.ones_like(changed) if free is None else ~free)
    if shift is not None and shift > MOST_SHIFT:
        raise ValueError(
            f"the edit moved what was to stay by {shift:.1f} pixels (at most {MOST_SHIFT:g} is let pass); try another "
            "instruction, seed or checkpoint."
        )
    soft = _soft(changed) if mask is None else at_size(mask, *original.shape[-2:])
    soft = soft * torch.from_numpy(inside.astype(np.float32))
    made = torch.from_numpy(aligned).permute(2, 0, 1)
    return blended(original[None], made[None], soft)[0], shift


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture.mean(-1), np.float32)


def _aligned(before: np.ndarray, after: np.ndarray, free: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The edit on the original's grid, and where it has pixels there."""
    whole = np.ones(before.shape[:2], bool)
    kept = np.ones(before.shape[:2], np.uint8) if free is None else (~free).astype(np.uint8)
    if kept.mean() < 0.02:
        return after, whole
    one, other = _grey(before), _grey(after)
    (dx, dy), response = cv2.phaseCorrelate(
        _edges(one), _edges(other), cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F)
    )
    warp: Any = (
        np.array([[1, 0, dx], [0, 1, dy]], np.float32) if response > _LEAST_RESPONSE else np.eye(2, 3, dtype=np.float32)
    )
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
    try:
        _, warp = cv2.findTransformECC(one, other, warp, cv2.MOTION_AFFINE, stop, kept, 5)
    except cv2.error:  # the two have too little in common
        return after, whole
    height, width = one.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float32)
    moved = np.abs(corners @ warp.T - corners[:, :2]).max()
    if moved < _WORTH or moved > 0.4 * max(width, height):  # nothing to align, or nothing that was found
        return after, whole
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(
        np.ascontiguousarray(after), warp, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    inside = (
        cv2.warpAffine(np.ones_like(one), warp, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP) > 0
    )
    return made.clip(0, 1), inside


def _edges(grey: np.ndarray) -> np.ndarray:
    """Strength of edges, which an edit of colour or light leaves where they are."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    return np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).astype(np.float32)


def measured_shift(before: np.ndarray, after: np.ndarray, kept: np.ndarray) -> float | None:
    """How many pixels what was to stay has moved: of a quarter of the blocks that are recognised, at least so far.

    Args:
        before, after: (h, w, 3) in [0, 1]; kept: (h, w), where nothing was to change.
    """
    one, other = _edges(_grey(before)), _edges(_grey(after))
    height, width = one.shape
    block = min(_BLOCK, height // 2, width // 2)
    reach = min(_REACH, (height - block) // 2, (width - block) // 2)
    found = []
    for top in range(0, height - block + 1, block // 2):
        for left in range(0, width - block + 1, block // 2):
            place = slice(top, top + block), slice(left, left + block)
            if kept[place].mean() < 0.75 or one[place].std() < _LEAST_DETAIL:
                continue
            up, back = max(0, top - reach), max(0, left - reach)
            around = other[up : top + block + reach, back : left + block + reach]
            likeness = cv2.matchTemplate(around, one[place], cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(likeness)
            if best > _RECOGNISED:
                found.append(float(np.hypot(back + x - left, up + y - top)))
    return float(np.quantile(found, 0.75)) if found else None


def _changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where an edit differs by more than an editor's noise, with what is around it."""
    edge = max(3, round(max(before.shape[:2]) / 100) | 1)
    difference = np.abs(cv2.GaussianBlur(after - before, (0, 0), edge / 2)).max(-1)
    changed = (difference > _CHANGED).astype(np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * edge + 1, 2 * edge + 1))
    return cv2.dilate(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, around), around) > 0


def _soft(changed: np.ndarray) -> Tensor:
    """A mask with an edge that fades inwards, so that outside of it nothing changes."""
    inward = cv2.distanceTransform(np.pad(changed.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return torch.from_numpy((inward / max(1.0, max(changed.shape) / 100)).clip(0, 1).astype(np.float32))[None]
