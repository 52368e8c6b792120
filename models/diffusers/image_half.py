"""The picture half of a diffusers checkpoint as a generator.

Rows of one call share size, steps and shapes of features, and guidance where the pipeline takes one for a batch; seeds
and texts are each row's own. Kernels depend on shapes, so callers fill batches up to a fixed number of rows: then a
row's image is the same to the byte whatever rows are in the batch.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.cache import cache_folder
from models.device import let_go
from models.diffusers.acceleration import DENOISERS, accelerate, denoiser_of, kernels
from models.diffusers.checkpoint import DiffusersCheckpoint
from models.diffusers.hub import find_checkpoint
from models.diffusers.lora import adapt, digest_with, open_loras
from models.diffusers.options import PLAIN, Acceleration
from models.diffusers.reference_images import reference_arguments, reference_key
from models.diffusers.signatures import Interface
from models.diffusers.sizes import edge_multiple, native_size
from models.diffusers.text_half import DiffusersTextEncoder
from models.diffusers.tuning_records import Tunings
from models.diffusers.workarounds import RowGuidance, guidance_by_row, mark_infinities
from models.messages import one_sentence
from models.protocols import Generator
from models.reference import Reference

_SEED = 0x7FFFFFFFFFFFFFFF


class DiffusersGenerator(Generator):
    """A checkpoint's denoiser and decoder, loaded when first used."""

    own_encoder: DiffusersTextEncoder
    encoder = None
    fixed_batch = True

    def __init__(self, checkpoint: DiffusersCheckpoint, device: str, options: Acceleration) -> None:
        self.own_encoder = DiffusersTextEncoder(checkpoint, device, options)
        self.name = checkpoint.name
        self._loras = open_loras(options.lora, checkpoint.kind)
        self.digest = digest_with(checkpoint.digest("picture"), self._loras)
        self.bytes = checkpoint.bytes("picture", options.torch_dtype, DENOISERS if options.weights == "float8" else ())
        self.parts: Mapping[str, str] = checkpoint.digests
        self.interface = Interface(checkpoint.kind)
        self.defaults: Mapping[str, Any] = self.interface.defaults
        self.references = self.interface.adapter.references
        self.tunings = Tunings(checkpoint.folder if checkpoint.own else None, self.digest)
        self.loads = 0
        self._checkpoint = checkpoint
        self._device = device
        self._options = options
        self._pipe: Any = None
        if options.offload and not device.startswith("cuda"):
            raise ValueError(f"offload: there is nothing to bring parts to on the {device}; leave it out.")
        if options.attention in {"efficient", "cudnn"} and not device.startswith("cuda"):
            raise ValueError(
                f"attention is {options.attention!r}, a kernel for GPUs; on the {device} choose flash or math."
            )
        with one_sentence(checkpoint.folder):
            self.size, self.multiple = native_size(self._skeleton, self.interface), edge_multiple(self._skeleton)
        if options != PLAIN:
            accelerate(self._skeleton, options)  # what cannot be is told before a run begins

    def panoramic(self) -> "DiffusersGenerator":
        from models.diffusers.panorama import DiffusersPanoramas

        return DiffusersPanoramas(self._checkpoint, self._device, self._options)

    def ready(self) -> None:
        if self._pipe is None:
            options = self._options
            prepare = partial(adapt, self._loras, options)
            self._pipe = self._checkpoint.load(
                "picture", options.torch_dtype, self._device, options.offload, prepare
            )  # weights of 8 bits are so before they come to the device, where others may not fit
            decoder = getattr(getattr(self._pipe, "vae", None), "decoder", None)
            if decoder is not None:
                mark_infinities(decoder)
            self.loads += 1

    def release(self) -> None:
        if self._pipe is not None:
            self._pipe = None
            let_go(self._device)

    @cached_property
    def _skeleton(self) -> Any:
        return self._checkpoint.skeleton()

    def check_size(self, width: int, height: int) -> None:
        """Raises ValueError with one sentence for a size that the pipeline would round."""
        if width % self.multiple or height % self.multiple:
            raise ValueError(
                f"{self.name} makes no picture of {width} x {height}: give multiples of {self.multiple} pixels."
            )

    def batch_size(self, width: int, height: int, wanted: int | None = None) -> int:
        """Rows in one call: as `wanted`, else as measured on this device, else for 2^20 pixels (on a GPU 2^22)."""
        if self._options.step_cache == "first-block":
            return 1  # it skips steps for the batch as a whole, so a row's image would depend on the other rows
        if wanted is not None:
            return wanted
        tuned = self.tunings.kept(self._device, width, height, self._options)
        if tuned is not None:
            return tuned.batch_size
        pixels = (1 if self._device == "cpu" else 4) << 20
        return min(32, max(1, pixels // (width * height)))

    def batch_key(
        self,
        features: Mapping[str, Tensor],
        steps: int | None,
        guidance: float | None,
        references: Sequence[Reference] = (),
    ) -> Hashable:
        """See models/protocols.py; features are a dict of tensors without the batch's dimension."""
        guided = guidance is not None and guidance > 1  # else pipelines run one side only
        return (
            steps,
            None if self._embeds else guided if self._mixed else guidance,
            tuple((name, self._shape(value)) for name, value in sorted(features.items())),
            reference_key(self.interface.adapter, references),
        )

    def _shape(self, value: Tensor) -> tuple[int, ...]:
        if not self.interface.listed:
            return tuple(value.shape)
        rounded = self.interface.adapter.tokens
        return -(-len(value) // rounded), *value.shape[1:]

    @torch.inference_mode()
    def generate(
        self,
        features: Sequence[Mapping[str, Tensor]],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
        references: Sequence[Sequence[Reference]] = (),
    ) -> Tensor:
        """Pictures (rows, 3, height, width), float32 in [0, 1], on the device; see models/protocols.py.

        `guidance` has one value a row, as different as `batch_key` allows; None is the pipeline's own.
        Noise is drawn from a generator a row, on the CPU, whatever the device.
        """
        self.check_size(width, height)
        self.ready()
        rows = len(features)
        if self.interface.adapter.full_row:
            full = {name: torch.ones_like(v) if "mask" in name else v for name, v in features[0].items()}
            features, seeds, guidance = [*features, full], [*seeds, 0], [*guidance, *guidance[:1]]
        scales = self._scales(guidance)
        arguments = self.interface.call_arguments(width, height, steps or self.defaults["steps"], self._scale(scales))
        arguments |= reference_arguments(self.interface.adapter, references, width, height, self.multiple)
        for name in features[0]:
            values = [row[name] for row in features]
            listed = self.interface.listed
            arguments[name] = [self._placed(v) for v in values] if listed else self._placed(torch.stack(values))
        noise = [torch.Generator("cpu").manual_seed(int(seed) & _SEED) for seed in seeds]
        embedded = guidance_by_row(denoiser_of(self._pipe), scales) if self._embeds and scales else nullcontext()
        with kernels(self._options), self._tidied(), embedded, self._around(arguments):
            made = self._pipe(**arguments, generator=noise).images[:rows]
        if made.shape[1:] != (3, height, width):
            raise ValueError(f"{self.name} made pictures of the shape {tuple(made.shape[1:])}, not {width} x {height}.")
        return made.float().clamp(0, 1)

    def _around(self, arguments: dict[str, Any]) -> AbstractContextManager[Any]:
        """What a call of the pipeline with these arguments, which it may change, is made within."""
        return nullcontext()

    @contextmanager
    def _tidied(self) -> Iterator[None]:
        """Restores the pipeline after a call that was aborted, as by the end of memory: step caches, offloaded parts,
        and the decoder that SDXL casts to float32 for the decoding of float16 latents."""
        decoder = getattr(self._pipe, "vae", None)
        dtype = decoder and decoder.dtype
        try:
            yield
        except BaseException:
            self._pipe.maybe_free_model_hooks()
            if decoder is not None and decoder.dtype != dtype:
                decoder.to(dtype)
            raise

    @cached_property
    def _mixed(self) -> bool:
        """Whether guidance is only a factor in the pipeline's arithmetic, so that rows of a batch may differ in it."""
        taken = getattr(denoiser_of(self._skeleton).config, "time_cond_proj_dim", None)
        return self.interface.adapter.mixed and taken is None

    @cached_property
    def _embeds(self) -> bool:
        """Whether guidance is only an input of the network (distilled), with no second prediction to weigh."""
        taken = getattr(denoiser_of(self._skeleton).config, "guidance_embeds", False)
        return bool(taken) and not self.interface.knows_negative

    def _scales(self, guidance: Sequence[float | None]) -> list[float]:
        """Guidance of each row, or one for all; empty if the pipeline has none."""
        own = self.defaults.get("guidance")
        if own is None:
            return []
        return [float(own if value is None else value) for value in guidance] or [float(own)]

    def _scale(self, scales: Sequence[float]) -> float | None:
        """The guidance argument of the pipeline's call."""
        if not scales:
            return None
        if self._embeds:
            return 1.0  # the factor that `guidance_by_row` expects
        return RowGuidance(scales) if self._mixed and len(scales) > 1 else scales[0]

    def _placed(self, value: Tensor) -> Tensor:
        dtype = self._options.torch_dtype if value.is_floating_point() else None
        if self._device.startswith("cuda") and not value.is_cuda:
            # A copy from pageable memory would wait for the batch that the device still works on.
            return value.pin_memory().to(self._device, dtype, non_blocking=True)
        return value.to(self._device, dtype)


def open_diffusers(reference: str, device: str, options: Acceleration) -> DiffusersGenerator | None:
    """The generator of a diffusers checkpoint, a folder or a hub id; its weights load when first used.

    None if the reference is no diffusers checkpoint. Raises ValueError with one sentence if it cannot be used.
    """
    folder = find_checkpoint(reference)
    if folder is None:
        return None
    named = None if Path(reference).expanduser().is_dir() else reference
    own = named is None and not folder.resolve().is_relative_to(cache_folder().resolve())
    return DiffusersGenerator(DiffusersCheckpoint(folder, named, own), device, options)
