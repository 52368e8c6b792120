"""Makes the adjusted pictures of a shard one by one: the scene rendered again if that is asked, then the filters."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from models.diffusers.editor import Editor
from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.scene import Edit, Scene
from models.generators.sprite_vae.scene_edits import edit_scene
from tasks.adjust.history import earlier_edits, earlier_filters, open_scene, scene_size
from tasks.adjust.plan import CROP, EDIT, PlanStep
from tasks.adjust.registration import composited
from tasks.adjust.shard_state import OF_PARENT, Adjusted, AdjustShard
from tasks.adjust.sources import PictureFiles
from tasks.datasets.emoji.things import concepts_of, may_be
from tasks.enhance.chain import enhance, parse_chain
from tasks.imaging.decode import decoded
from tasks.imaging.encode import SUFFIX, Format, encode_picture, quality_figures, to_uint8
from tasks.imaging.picture_mask import blended, cropped
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import distinct_names


class Studio:
    """What all pictures of a run are adjusted with.

    Attributes:
        files: reads the parents' files.
        generator: the embedded default, or None if no plan needs a scene.
        on_device, on_filters: run a function in the thread of the generator, or of filters.
        mask: (1, h, w) in [0, 1], outside of which nothing changes.
        editor: the checkpoint that carries instructions out, and `editor_steps` of its denoising; None if none does.
    """

    def __init__(
        self,
        files: PictureFiles,
        generator: Callable[[], VaeGenerator],
        on_device: Callable[[Callable[[], Any]], Any],
        on_filters: Callable[[Callable[[], Any]], Any],
        format: Format = "png",
        quality: int = 90,
        mask: Tensor | None = None,
        editor: Callable[[], Editor] | None = None,
        editor_steps: int | None = None,
    ) -> None:
        self.files = files
        self.generator = generator
        self.on_device = on_device
        self.on_filters = on_filters
        self.format = format
        self.quality = quality
        self.mask = mask
        self.editor = editor
        self.editor_steps = editor_steps


def make_pictures(work: AdjustShard, studio: Studio) -> None:
    """Makes every picture; one that cannot be made is quarantined with the sentence that says why."""
    names = distinct_names(item.id for item in work.items)
    for item in list(work.items):
        stage = "picture"
        try:
            with work.timed("picture"):
                parent = studio.files.read(item.image)
                _check_digest(item, parent)
            stage = "scene" if studio.editor is None else "edit"
            with work.timed(stage):
                pixels, scene = studio.on_device(lambda: _begun(item, parent, studio))  # noqa: B023 (called at once)
            stage = "enhance"
            with work.timed("enhance"):
                pixels = studio.on_filters(lambda: _filtered(item, pixels, scene, studio))  # noqa: B023
        except (BadInput, ValueError) as error:
            work.fail(stage, {item: str(error)})
            continue
        with work.timed("encode"):
            _finish(item, pixels, parent, f"images/{work.shard.name}/{names[item.id]}", studio)


def _check_digest(item: Adjusted, data: bytes) -> None:
    known = item.given.get("sha256")
    if isinstance(known, str) and known != sha256(data).hexdigest():
        raise ValueError("the picture is not the one that its metadata describe (other digest); adjust it as a file.")


def _begun(item: Adjusted, data: bytes, studio: Studio) -> tuple[Tensor, Scene | None]:
    """The picture before its new filters, (3, h, w) in [0, 1], and its scene if the plan has to do with it."""
    if studio.editor is not None:
        return _edited(item, _opened(data), studio), None
    if not item.of_scene:
        return _opened(data), None
    scene = open_scene(item, studio.generator())
    new = [step for step in item.plan.steps if step.of_scene]
    for step in _in_order(new):
        edit = edit_of(step)
        edit_scene(scene, edit, item.described.get(edit.name))
    if not new:
        return _opened(data), scene
    width, height = scene_size(item.given)
    pixels = scene.render(width, height)[None]
    for chain in earlier_filters(item.given):
        pixels = _apply(pixels, chain, scene)
    return pixels[0], scene


def _edited(item: Adjusted, pixels: Tensor, studio: Studio) -> Tensor:
    """The picture as the editor makes it, where it was to change."""
    for step in item.plan.steps:
        assert studio.editor is not None and step.step == EDIT
        seed = item.given.get("seed")
        if not isinstance(seed, int):
            seed = int(sha256(item.id.encode()).hexdigest()[:15], 16)
        made = studio.editor().edit(pixels, str(step.value), seed, studio.mask, studio.editor_steps)
        pixels, item.edit_shift = composited(pixels, made, studio.mask)
    return pixels


def edit_of(step: PlanStep) -> Edit:
    """A plan's step in the generator's terms: things by their concepts."""
    named = step.thing or (str(step.value) if step.step in {"add", "remove"} else "")
    new = str(step.value) if step.step in {"add", "replace"} else named
    drawn = concepts_of(new)[0] if new and step.step in {"add", "replace", "count"} else ""
    value = "" if step.step in {"add", "remove", "replace"} else step.value
    described = new if step.step in {"add", "count"} else named
    return Edit(step.step, value, may_be(named) if named else (), drawn, described, step.at, step.amount)


def _in_order(steps: list[PlanStep]) -> list[PlanStep]:
    """Where, then what: a thing is added to the place that is asked for."""
    order = ("place", "sky", "remove", "replace", "count", "add", "colour", "move")
    return sorted(steps, key=lambda step: order.index(step.step))


def _opened(data: bytes) -> Tensor:
    pixels = decoded(data)
    if pixels is None:
        raise ValueError("the file cannot be read as a picture; give another.")
    return torch.from_numpy(pixels).permute(2, 0, 1).expand(3, -1, -1).contiguous()


def _filtered(item: Adjusted, pixels: Tensor, scene: Scene | None, studio: Studio) -> Tensor:
    images = pixels[None]
    for step in item.plan.steps:
        if not step.of_scene and step.step != EDIT:
            images = _apply(images, step, scene, studio.mask)
    return images[0]


def _apply(images: Tensor, step: PlanStep | str, scene: Scene | None, mask: Tensor | None = None) -> Tensor:
    """A chain, or a step of a plan, on a picture (1, 3, h, w)."""
    if isinstance(step, str):
        return enhance(images, parse_chain(step))
    if step.step == CROP:
        return cropped(images, str(step.value))
    changed = enhance(images, parse_chain(f"{step.step}:{step.value}"))
    if changed.shape != images.shape:
        if mask is not None or step.scope:
            raise ValueError(f"{step.step} changes the size and cannot be confined to a part; leave the part out.")
        return changed
    if step.scope is not None:
        mask = _mask_of(step.scope, scene, images.shape[-1], images.shape[-2])
    return changed if mask is None else blended(images, changed, mask)


def _mask_of(scope: str, scene: Scene | None, width: int, height: int) -> Tensor:
    assert scene is not None
    if scope in {"sky", "background"}:
        return scene.background(width, height, sky=scope == "sky")
    return scene.mask(may_be(scope), width, height)


def _finish(item: Adjusted, pixels: Tensor, parent: bytes, path: str, studio: Studio) -> None:
    """Sets the picture's file and its row of the metadata."""
    given, array = item.given, to_uint8(pixels)
    before = earlier_edits(given) if item.of_scene or given.get("scene_edits") else []
    edits = [*before, *(edit_of(step) for step in _in_order([step for step in item.plan.steps if step.of_scene]))]
    filters = json.loads(given.get("filters") or "[]")
    filters += [step.as_dict() for step in item.plan.steps if not step.of_scene]
    of_scene: tuple[int | None, int | None] = (
        scene_size(given) if given.get("generator_digest") and "width" in given else (None, None)
    )
    plan = json.dumps([step.as_dict() for step in item.plan.steps], ensure_ascii=False)
    info: dict[str, str] = {
        "prompt": str(given.get("text", "")),
        "id": item.id,
        "instruction": item.plan.instruction,
        "plan": plan,
        "parent": sha256(parent).hexdigest(),
        "Software": "imagemill",
        **{name: str(given[name]) for name in ("seed", "generator", "settings") if name in given},
    }
    item.path = f"{path}.{SUFFIX[studio.format]}"
    item.file = encode_picture(array, studio.format, studio.quality, info)
    item.columns = {
        "id": item.id,
        "row": item.row,
        **{name: given.get(name) for name in OF_PARENT},
        "instruction": item.plan.instruction or None,
        "plan": plan,
        "parent": item.id,
        "parent_image": item.image,
        "parent_sha256": sha256(parent).hexdigest(),
        "scene_edits": json.dumps([vars(edit) for edit in edits], ensure_ascii=False),
        "scene_width": of_scene[0],
        "scene_height": of_scene[1],
        "filters": json.dumps(filters, ensure_ascii=False),
        **_editor_of(item, studio),
        "width": array.shape[1],
        "height": array.shape[0],
        "image": item.path,
        "sha256": sha256(item.file).hexdigest(),
        "bytes": len(item.file),
        **quality_figures(array),
    }


def _editor_of(item: Adjusted, studio: Studio) -> dict[str, Any]:
    """The columns about the checkpoint that edited a picture, now or before."""
    if studio.editor is None or not item.plan.steps:
        return {name: item.given.get(name) for name in ("editor", "editor_digest", "edit_shift")}
    editor = studio.editor()
    return {"editor": editor.name, "editor_digest": editor.digest, "edit_shift": item.edit_shift}
