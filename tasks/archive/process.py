"""Reprocess: opens, looks at, enhances and encodes the pictures of a shard of an archive's files."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain

import numpy as np
from torch import Tensor

from tasks.archive import large_files
from tasks.archive.image_file import ArchiveImage
from tasks.archive.shard_state import ArchiveFile, ArchiveShard, Output, unnamed, why
from tasks.dicom.derive import to_bytes
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.dicom.retain import Retained
from tasks.imaging.burned_in import Rule, has_text, paint_over, text_boxes
from tasks.imaging.previews import change_figures, preview, shown
from tasks.imaging.refused import Refused
from tasks.imaging.value_range import Levels, apply_in_window
from tasks.runfolder.storage import Storage, StorageError

LOOKS = 4  # at a picture whose text is painted over, the last of which must find nothing


class Recipe:
    """What is done to every file: the same for a whole run.

    Attributes:
        text: the chain of enhancement, as it was asked for.
        enhance: applies it to (1, c, h, w), on the right device and in the right thread.
        reach: how far its steps look, in pixels; None if one needs the whole picture.
        retain: what stays of an identity.
        archive, out: where large pictures come from and go to, a strip at a time.
    """

    def __init__(
        self,
        text: str,
        enhance: Callable[[Tensor], Tensor],
        reach: int | None,
        archive: Storage,
        out: Storage,
        names: Pseudonyms,
        keep_identity: bool,
        burned_in: Rule,
        settings: str,
        retain: list[Retained] | None = None,
    ) -> None:
        self.text = text
        self.enhance = enhance
        self.reach = reach
        self.archive = archive
        self.out = out
        self.names = names
        self.keep_identity = keep_identity
        self.burned_in = burned_in
        self.settings = settings
        self.retain = retain


def reprocess(work: ArchiveShard, recipe: Recipe) -> None:
    """Opens, looks at, enhances and encodes file after file: the pixels of one at a time are in memory."""
    for file in list(work.items):
        try:
            file.output = _by_strips(work, file, recipe) if file.data is None else _whole(work, file, file.data, recipe)
            file.data = None
        except StorageError as error:
            raise unnamed(error, recipe.archive, file.row) from None
        except Exception as error:
            stage, reason = why(error)
            work.fail(stage, {file: reason})


def _whole(work: ArchiveShard, file: ArchiveFile, data: bytes, recipe: Recipe) -> Output:
    try:
        with work.timed("decode"):
            scan = ArchiveImage(file.row, file.source, data, file.name)
            scan.identify(recipe.names, recipe.keep_identity, recipe.retain)
            file.study = scan.study
        with work.timed("look"):
            _look(scan, recipe.burned_in)
        with work.timed("enhance"):
            enhance_image(scan, recipe.enhance)
        with work.timed("write"):
            return _encode(scan, recipe, work.shard.name)
    except Refused as error:
        file.study = file.study or _study(error.study, recipe)
        raise


def _study(uid: str, recipe: Recipe) -> str:
    """A StudyInstanceUID as the results have it."""
    return uid if recipe.keep_identity else recipe.names.uid(uid)


def _by_strips(work: ArchiveShard, file: ArchiveFile, recipe: Recipe) -> Output:
    """The large picture's file goes to the run folder here and now; what is returned is the rest."""
    with work.timed("enhance"), recipe.archive.open(file.path) as stream:
        large = large_files.LargeImage(stream, recipe.reach)
        file.study = _study(str(large.dataset.StudyInstanceUID), recipe)
        scan = ArchiveImage.of_header(file.row, file.source, large.digest, large.dataset)
        return _strips(large, scan, recipe, work.shard.name)


def _strips(large: large_files.LargeImage, scan: ArchiveImage, recipe: Recipe, shard: str) -> Output:
    scan.identify(recipe.names, recipe.keep_identity, recipe.retain)
    if scan.says_text and recipe.burned_in != "keep":
        raise Refused("burned-in text (its header says so)", stage="look")
    scan.text = "none" if recipe.burned_in == "quarantine" else "unknown"  # else it will not come to be
    name, _ = scan.encode(recipe.text, recipe.names)
    columns = scan.columns() | {"width": large.columns, "height": large.rows}
    columns["text"] = columns["text"].replace("1 x 1,", f"{large.columns} x {large.rows},")
    assert scan.dataset is not None
    scan.dataset.Rows, scan.dataset.Columns = large.rows, large.columns
    head, digest = large.head(to_bytes(scan.dataset)), sha256()

    def parts() -> Iterator[bytes]:
        for part in chain([head], large.strips(recipe.enhance, recipe.burned_in)):
            digest.update(part)
            yield part

    id, image = name.rpartition(".")[0], f"images/{shard}/{name}"
    recipe.out.write_parts(image, parts())
    before, after = (np.concatenate(rows) for rows in (large.before, large.after))
    before, after = shown(before, large.level), shown(after, large.level, like=before)
    small = f"previews/{shard}/{id}.webp"
    columns |= {"id": id, "image": image, "preview": small, "settings": recipe.settings, "burned_in_text": large.text}
    columns |= {"bytes": len(head) + large.size + large.size % 2, "sha256": digest.hexdigest()}
    return Output({small: preview(before, after)}, columns | change_figures(before, after))


def enhance_image(scan: ArchiveImage, enhance: Callable[[Tensor], Tensor]) -> None:
    """Enhances every frame of an image."""
    pairs = zip(scan.frames, scan.levels, strict=True)
    scan.made = np.stack([_enhanced(frame, levels, scan, enhance) for frame, levels in pairs])


def _enhanced(frame: np.ndarray, levels: Levels, scan: ArchiveImage, enhance: Callable[[Tensor], Tensor]) -> np.ndarray:
    """One frame (h, w, c), enhanced; in another size, too, padding is padding and nothing else is.

    Interpolation would mix padding with the picture beside it, so that the picture's least value stands in its place.
    """
    made = apply_in_window(enhance, frame, levels, scan.limits, scan.padding)
    if scan.padding is None or made.shape == frame.shape:
        return made
    outside = (frame >= scan.padding[0]) & (frame <= scan.padding[1])
    if not outside.all():
        filled = np.where(outside, frame[~outside].min(), frame)
        made = apply_in_window(enhance, filled, levels, scan.limits)
    rows, columns = ((np.arange(new) * old) // new for new, old in zip(made.shape, frame.shape[:2], strict=False))
    nearest = np.ix_(rows, columns)
    return np.where(outside[nearest], frame[nearest], made)


def _look(scan: ArchiveImage, rule: Rule) -> None:
    """Finds burned-in text, and paints it over or refuses the picture for it, unless it is to be kept."""
    if rule == "mask" and scan.can_be_masked:
        _mask(scan)
    elif scan.says_text:
        scan.text = "header"
    elif rule != "header":
        looked_at = [*zip(scan.frames, scan.levels, strict=True), *scan.alpha]
        seen = any(has_text(frame, levels) for frame, levels in looked_at)
        scan.text = "seen" if seen else "none"
    if rule != "keep" and scan.text in {"header", "seen"}:
        by = "its header says so" if scan.text == "header" else "letters or a code were seen among its pixels"
        raise Refused(f"burned-in text ({by}); --burned-in keep takes it nevertheless", stage="look")


def _mask(scan: ArchiveImage) -> None:
    """Paints over what is found, in all frames where it is in one, until nothing more is found."""
    for _ in range(LOOKS):
        frames = zip(scan.frames, scan.levels, strict=True)
        boxes = [box for frame, levels in frames for box in text_boxes(frame, levels)]
        if not boxes:
            break
        scan.frames = scan.made = paint_over(scan.frames, boxes)
        for box in boxes:
            (left, top), (right, bottom) = np.floor(box.min(0)).astype(int), np.ceil(box.max(0)).astype(int)
            scan.masked.append((int(left), int(top), int(right), int(bottom)))
    else:
        scan.text = "seen"
        return
    scan.text = "masked" if scan.masked else "header" if scan.says_text else "none"


def _encode(scan: ArchiveImage, recipe: Recipe, shard: str) -> Output:
    columns = scan.columns()
    name, file = scan.encode(recipe.text, recipe.names)
    middle = len(scan.frames) // 2
    before = shown(scan.frames[middle], scan.levels[middle])
    after = shown(scan.made[middle], scan.levels[middle], like=scan.frames[middle])
    id = name.rpartition(".")[0]
    image, small = f"images/{shard}/{name}", f"previews/{shard}/{id}.webp"
    columns |= {"id": id, "image": image, "preview": small, "settings": recipe.settings, "bytes": len(file)}
    columns |= {"sha256": sha256(file).hexdigest(), **change_figures(before, after)}
    return Output({image: file, small: preview(before, after)}, columns)
