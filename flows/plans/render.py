"""The plan of a render job: what there is to do."""

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from flows.jobs.render import RenderJob
from models.device import free_memory, has_device
from models.diffusers.image_half import DiffusersGenerator
from models.diffusers.text_half import DiffusersTextEncoder
from tasks.enhance.chain import open_chain
from tasks.loading import models as load
from tasks.loading.feature_store import kept_features
from tasks.loading.models import AnyEncoder, AnyGenerator
from tasks.loading.oom_batching import USUAL_BATCH
from tasks.prompts.prompt_files import Input, find_input
from tasks.prompts.shards import Shard, auto_shard_size, mark_duplicates, plan_shards
from tasks.render.metadata import Provenance
from tasks.render.read import duplicate_rows
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import versions
from tasks.runfolder.storage import Storage

ROOM = 0.8  # share of the free memory that weights may take: the rest is for what is computed


class Plan:
    """What a job comes to, found without reading rows or writing anything but to `spool`.

    Raises:
        BadInput: the job or its input cannot be used.
    """

    def __init__(self, job: RenderJob, spool: Path) -> None:
        self.job = job.checked()
        self.enhance_files = open_chain(job.enhance)[1]
        self.found: Input = find_input(job.prompts, Storage(str(spool)), job.text_column)
        self.generator = load.generator(job.generator, job.device, job.acceleration)
        self.size = (job.width or self.generator.size, job.height or self.generator.size)
        if isinstance(self.generator, DiffusersGenerator):
            self.encoder: str | None = job.generator  # as it was given: a worker elsewhere finds its own way there
        else:
            self.encoder = None if self.generator.encoder is None else job.encoder or self.generator.encoder
        if job.explain and self.encoder is None:
            raise BadInput(f"--explain shows what words did, and {job.generator} reads none: leave it out.")
        self.knobs = self._knobs()
        if isinstance(self.generator, DiffusersGenerator):
            load.usable(partial(self.generator.check_size, *self.size))
            kept = kept_features(job.keep_features, self.load_encoder())
            if kept is not None:
                kept.find([])  # a folder that cannot be read is told before the run
        self.shard_size = job.shard_size or auto_shard_size(self.found.rows, *self.size, self.batch_size)
        self.shards = sum(-(-source.rows // self.shard_size) for source in self.found.sources)

    def carry_on(self, record: Mapping[str, Any]) -> None:
        """Takes the shards of the run that is in the folder: they follow from options which may differ by now."""
        self.shard_size, self.shards = record["shard_size"], record["shards"]

    def _knobs(self) -> Mapping[str, Any]:
        """What rows may set of the generator, with the values they have otherwise."""
        generator, job = self.generator, self.job
        knobs = generator.defaults if isinstance(generator, DiffusersGenerator) else {}
        for name in ("negative_text", "guidance", "steps"):
            if getattr(job, name) is not None and name not in knobs:
                option = name.replace("_", "-")
                raise BadInput(f"--{option}: the generator {generator.name} has no such thing; leave it out.")
        if isinstance(generator, DiffusersGenerator) and job.encoder is not None:
            raise BadInput(f"--encoder: {generator.name} reads texts with its own text encoders; leave it out.")
        for option, given in (("phase", job.phase != "auto"), ("keep-features", job.keep_features is not None)):
            if given and not isinstance(generator, DiffusersGenerator):
                raise BadInput(f"--{option}: {generator.name} is no diffusers checkpoint; leave it out.")
        return knobs

    @property
    def batch_size(self) -> int:
        """Pictures given to the generator at once, unless memory is too small."""
        if isinstance(self.generator, DiffusersGenerator):
            return self.generator.batch_size(*self.size, self.job.batch_size)
        return self.job.batch_size or USUAL_BATCH

    @property
    def split(self) -> bool:
        """Whether encoder and denoiser are to take turns on the device."""
        encoder, generator = self.load_encoder(), self.generator
        if not (isinstance(encoder, DiffusersTextEncoder) and isinstance(generator, DiffusersGenerator)):
            return False
        if self.job.phase != "auto":
            return self.job.phase == "split"
        if not has_device(self.job.device):
            return False  # the models run on other machines, whose memory is not known here
        return encoder.bytes + generator.bytes > ROOM * free_memory(self.job.device)

    def load_encoder(self) -> AnyEncoder | None:
        """The text encoder, or None if the generator needs none."""
        if self.encoder is None:
            return None
        return load.text_encoder(self.encoder, self.job.device, self.job.acceleration)

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps.

        Raises:
            BadInput: the text encoder cannot be had, or the generator does not know its features.
        """
        encoder, generator, job = self.load_encoder(), self.generator, self.job
        if encoder is not None and job.encoder is not None:
            self._check_fit(encoder)
        record = {
            "job": job.shaping() | ({"enhance files": self.enhance_files} if self.enhance_files else {}),
            "input": self.found.fingerprint(),
            "encoder": encoder and _identity(encoder),
            "generator": _identity(generator),
            "shard_size": self.shard_size,
            "shards": self.shards,
            "versions": versions(),
        }
        return record | ({"batch_size": self.batch_size} if isinstance(generator, DiffusersGenerator) else {})

    def _check_fit(self, encoder: AnyEncoder) -> None:
        generator = self.generator
        if isinstance(generator, DiffusersGenerator) or isinstance(encoder, DiffusersTextEncoder):
            raise BadInput(f"--encoder {self.encoder} does not fit the generator {generator.name}; leave it out.")
        load.usable(lambda: generator.generate(encoder.encode(["a"]), [0], *self.size))

    @property
    def made_by(self) -> Provenance:
        """What every picture tells of how it was made."""
        encoder = self.load_encoder()
        return Provenance(
            encoder=encoder.name if encoder else None,
            encoder_digest=encoder.digest if encoder else None,
            generator=self.generator.name,
            generator_digest=self.generator.digest,
            settings={"text": self.job.text, "enhance": self.job.enhance},
        )

    def described(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        width, height = self.size
        return {
            "rows": self.found.rows,
            "shards": f"{self.shards} of at most {self.shard_size} rows",
            "input": f"{len(self.found.sources)} files, {self.found.bytes:,} bytes",
            "text column": self.found.text_column,
            "encoder": self.encoder or "none",
            "generator": f"{self.generator.name} sha256:{self.generator.digest[:16]}",
            "size": f"{width} x {height} pixels, {self.job.count} a prompt",
            "enhance": self.job.enhance or "nothing",
            "output": f"{Storage(self.job.out).url()} ({self.job.layout}, {self.job.format})",
        }

    def of_this_part(self) -> Iterator[Shard]:
        """The shards that this run is to do, whether or not an earlier one did."""
        part, parts = self.job.part
        shards = itertools.islice(plan_shards(self.found.sources, self.shard_size), part, None, parts)
        return mark_duplicates(shards, self._duplicates)

    def rows_of_this_part(self) -> int:
        return self.found.rows if self.job.part[1] == 1 else sum(shard.rows for shard in self.of_this_part())

    @cached_property
    def _duplicates(self) -> np.ndarray:
        return duplicate_rows(self.found)


def _identity(model: AnyEncoder | AnyGenerator) -> dict[str, Any]:
    parts = {"parts": dict(model.parts)} if isinstance(model, DiffusersGenerator) else {}
    return {"name": model.name, "digest": model.digest, **parts}
