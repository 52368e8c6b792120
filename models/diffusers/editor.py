"""Checkpoints that change a picture as a text says: instruction editors, and inpainting within a mask.

An editor's call takes a picture and an instruction (InstructPix2Pix, FLUX Kontext, FLUX.2 klein, Qwen-Image-Edit); one
for inpainting takes a mask and a description of what is to be there. A checkpoint of text to picture inpaints, too,
where diffusers has a pipeline of its parts for it. One picture a call, as sizes differ.
"""

import inspect
import math
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from models.device import let_go
from models.diffusers.checkpoint import DiffusersCheckpoint
from models.diffusers.hub import find_checkpoint
from models.messages import one_sentence

_MULTIPLE = 32  # edges of what an editor sees; all its parts divide it
_PIXELS = 1 << 20  # that an editor sees at most
_SMALLEST = 64  # pixels of an edge
_SEED = 0x7FFFFFFFFFFFFFFF
_EDITORS = ("Edit", "Pix2Pix", "Kontext", "Flux2Klein")
# Arguments of a call as they are given here, of those that it has.
_SET = {"output_type": "pt", "_auto_resize": False, "num_images_per_prompt": 1, "strength": 1.0}


class Editor(Protocol):
    """What changes a picture as a text says; see `DiffusersEditor`."""

    name: str
    digest: str
    inpaints: bool

    def edit(
        self, pixels: Tensor, instruction: str, seed: int, mask: Tensor | None = None, steps: int | None = None
    ) -> Tensor: ...


class DiffusersEditor(Editor):
    """A checkpoint that edits pictures. Raises ValueError with one sentence if it is none.

    Attributes:
        name, digest: of the checkpoint.
        inpaints: whether it paints within a mask, and needs one.
    """

    def __init__(self, checkpoint: DiffusersCheckpoint, device: str) -> None:
        self.name = checkpoint.name
        self.digest = checkpoint.digest("whole")
        self._checkpoint, self._device = checkpoint, device
        self._kind = _kind_of(checkpoint)
        self._call = inspect.signature(self._kind.__call__).parameters
        self.inpaints = "mask_image" in self._call
        self._pipe: Any = None

    def ready(self) -> None:
        if self._pipe is None:
            dtype = torch.bfloat16 if self._device.startswith("cuda") else torch.float32
            self._pipe = self._checkpoint.load("whole", dtype, self._device, kind=self._kind)

    def release(self) -> None:
        if self._pipe is not None:
            self._pipe = None
            let_go(self._device)

    @torch.inference_mode()
    def edit(
        self, pixels: Tensor, instruction: str, seed: int, mask: Tensor | None = None, steps: int | None = None
    ) -> Tensor:
        """The edited picture (3, h, w) in [0, 1], of the size of `pixels`, on the CPU.

        Args:
            mask: (1, h, w), white where there may be something else; for inpainting.
            steps: of denoising; by default the pipeline's own number.

        Raises:
            ValueError: it cannot be made; the message is one sentence.
        """
        self.ready()
        height, width = pixels.shape[-2:]
        size = _seen(width, height)
        given: dict[str, Any] = {
            "prompt": instruction,
            "image": _image(pixels, size),
            "generator": torch.Generator("cpu").manual_seed(seed & _SEED),
            "width": size[0],
            "height": size[1],
            "max_area": size[0] * size[1],  # Kontext would enlarge what is small to a megapixel
            **_SET,
        }
        if mask is not None and self.inpaints:
            given["mask_image"] = _image(mask, size)
        if steps is not None:
            given["num_inference_steps"] = steps
        with one_sentence(self._checkpoint.folder):
            made = self._pipe(**{name: value for name, value in given.items() if name in self._call}).images
        found = torch.as_tensor(made)[:1].float().cpu()
        if found.shape[-2:] != (height, width):
            found = torch.nn.functional.interpolate(found, (height, width), mode="bicubic", antialias=True)
        if not bool(found.isfinite().all()):
            raise ValueError(f"{self.name} made a picture with values that are not numbers; try another instruction.")
        return found[0].clamp(0, 1)


def _kind_of(checkpoint: DiffusersCheckpoint) -> Any:
    """The pipeline's class that edits with the checkpoint's parts: its own, or that of inpainting."""
    from diffusers.pipelines.auto_pipeline import AUTO_INPAINT_PIPELINES_MAPPING, _get_task_class

    kind = checkpoint.kind
    call = inspect.signature(kind.__call__).parameters
    if "mask_image" in call or ("image" in call and any(name in kind.__name__ for name in _EDITORS)):
        return kind
    found = _get_task_class(AUTO_INPAINT_PIPELINES_MAPPING, kind.__name__, throw_error_if_not_exist=False)
    if found is None or "mask_image" not in inspect.signature(found.__call__).parameters:
        raise ValueError(
            f"{checkpoint.folder} ({kind.__name__}) edits no pictures and inpaints none; choose InstructPix2Pix, FLUX "
            "Kontext, FLUX.2 klein, Qwen-Image-Edit or a checkpoint that can inpaint."
        )
    return found


def _seen(width: int, height: int) -> tuple[int, int]:
    """The size at which an editor sees a picture: nearly as large, of edges that it can work with."""
    scale = min(1.0, math.sqrt(_PIXELS / (width * height)))
    wide, high = (max(_SMALLEST, round(edge * scale / _MULTIPLE) * _MULTIPLE) for edge in (width, height))
    return wide, high


def _image(pixels: Tensor, size: tuple[int, int]) -> Image.Image:
    array = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def open_editor(reference: str, device: str) -> DiffusersEditor:
    """The editor of a diffusers checkpoint, a folder or a hub id. Raises ValueError with one sentence if it is none."""
    folder = find_checkpoint(reference)
    if folder is None:
        raise ValueError(f"{reference}: no diffusers checkpoint (no model_index.json); give its folder or hub id.")
    return DiffusersEditor(DiffusersCheckpoint(folder), device)
