"""The plan of a render job: its input, its generator and its shards."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from flows.jobs.render import RenderJob
from flows.plans.described import describe
from flows.plans.generator_options import check_options
from models import checkpoint
from models.device import free_memory, has_device
from models.protocols import Generator, TextEncoder
from tasks.enhance.chain import open_chain
from tasks.loading.feature_store import kept_features
from tasks.loading.models import load_encoder, load_generator, resolve, usable
from tasks.prompts.only import only_rows
from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import (
    SHARD_PIXELS,
    Shard,
    auto_shard_size,
    cut_by_file,
    cut_by_pixels,
    cut_evenly,
    mark_duplicates,
    of_level,
    shards_between,
    taper,
)
from tasks.prompts.whole_input import Input
from tasks.render.anchors import Anchors
from tasks.render.metadata import Provenance
from tasks.render.rank import load_reward, load_reward_encoder
from tasks.render.read import panorama_size
from tasks.render.references import References, check_references, reference_columns
from tasks.render.survey import anchored, duplicate_rows, row_pixels
from tasks.runfolder.filenames import DIGITS, name_digits
from tasks.runfolder.record import versions
from tasks.runfolder.storage import Storage

WORDS, ROOM = (
    1,
    0.8,
)  # version of how a text's words are read; share of the free memory that weights may take; the rest is for activations


class Plan:
    """What a job has to do, planned without reading whole rows or writing anywhere but to `spool`.

    Raises:
        BadInput: the job or its input cannot be used.
    """

    def __init__(self, job: RenderJob, spool: Path) -> None:
        self.job = job.checked()
        self.enhance_files = open_chain(job.enhance)[1]
        self.input = self._find_input(spool)
        self.generator = load_generator(job.generator, job.device, job.acceleration, job.panorama)
        self.size = self._size()
        check_options(self.job, self.generator, self.reads_text)
        if job.reward is not None:
            load_reward_encoder(load_reward(job.reward), job.device)
        self.generation_params = self.generator.defaults
        self.reads_words = self.generator.reads_words
        usable(partial(self.generator.check_size, *self.size))
        if job.keep_features is not None:
            kept = kept_features(job.keep_features, self.load_encoder())
            if kept is not None:
                kept.find([])  # a folder that cannot be read is reported before the run
        self.shard_pixels = None if job.shard_size else SHARD_PIXELS
        sized = not {"width", "height", "count"}.isdisjoint(self.input.schema.names)  # by the rows themselves
        automatic = auto_shard_size(self.input.rows, *self.size, self.batch_size, job.count, sized)
        self.shard_size = job.shard_size or automatic
        self._by_file = False
        self._taper = 0 if job.shard_size else max(1, self.batch_size // job.count)  # rows of the shortest shards
        self._known_digits: int | None = None
        check_references(self.input.schema.names, self.generator, job.layout, job.part[1] > 1, job.explain)

    def _size(self) -> tuple[int, int]:
        """Width and height of a picture whose row does not say."""
        job, edge = self.job, self.generator.size
        if job.panorama:
            return usable(lambda: panorama_size(job.width, job.height)) or (2 * edge, edge)
        return job.width or edge, job.height or edge

    def _find_input(self, spool: Path) -> Input:
        """The rows to render. Other flows make them from something else."""
        job, found = self.job, find_input(self.job.prompts, Storage(str(spool)), self.job.text_column, self.job.out)
        return found if job.only is None else only_rows(found, job.only, spool)

    def carry_on(self, record: Mapping[str, Any]) -> None:
        """Takes over the shards of the run in the folder: they depend on options that may differ by now."""
        self.shard_size = record["shard_size"]
        self._by_file = "shard_pixels" not in record  # a run from before shards spanned several files
        self._taper = record.get("taper", 0)
        self._known_digits = record.get("name_digits", DIGITS)
        self.shard_pixels = record.get("shard_pixels")
        self.reads_words = self.reads_words and "reads" in record  # a run from before words were read goes on as it was
        if self._by_file:
            self.input = self.input.without_source_files()
        self.__dict__.pop("cuts", None)

    @cached_property
    def cuts(self) -> np.ndarray:
        """Shard boundaries (shards + 1,): the first row of each shard, then the number of rows."""
        if self._by_file:
            return cut_by_file([source.rows for source in self.input.sources], self.shard_size)
        cuts = self._cuts_by_size()
        if self._taper:
            cuts = taper(cuts, self._taper)
        return cuts if self.anchors is None else self.anchors.cuts(cuts)

    def _cuts_by_size(self) -> np.ndarray:
        pixels = None if self.shard_pixels is None else row_pixels(self.input, self.job, self.size)
        if pixels is None or self.shard_pixels is None:
            return cut_evenly(self.input.rows, self.shard_size)
        return cut_by_pixels(pixels, self.shard_size, self.shard_pixels, self.batch_size)

    @cached_property
    def anchors(self) -> Anchors | None:
        """Which row follows which; None where no column says so."""
        return anchored(self.input)

    @cached_property
    def references(self) -> References | None:
        """Opens the pictures that rows follow; None where no column names any."""
        if not reference_columns(self.input.schema.names):
            return None
        made_by = self.provenance.model if self.generator.recalls else None
        return References(self.job.out, self.generator, made_by, self.anchors, self.cuts, self._digits)

    @property
    def levels(self) -> int:
        """How many levels of rows are made one after the other; see `tasks/render/anchors.py`."""
        return 1 if self.anchors is None else self.anchors.made_levels

    def rounds(self) -> list[Callable[[], Iterator[Shard]]]:
        """The shards of each level, which follow pictures of those before."""
        if self.levels == 1:
            return [self.of_this_part]
        return [partial(of_level, self.of_this_part, level) for level in range(self.levels)]

    @property
    def shards(self) -> int:
        return len(self.cuts) - 1

    @property
    def _digits(self) -> int:
        """Of the shards' names; a run from before has always five."""
        return self._known_digits or name_digits(self.shards)

    @property
    def reads_text(self) -> bool:
        """Whether there are texts to encode."""
        return self.generator.own_encoder is not None or self.generator.encoder is not None

    @property
    def batch_size(self) -> int:
        """Pictures per batch, unless memory runs out."""
        return self.generator.batch_size(*self.size, self.job.batch_size)

    @property
    def split(self) -> bool:
        """Whether encoder and denoiser are to take turns on the device."""
        encoder, generator = self.generator.own_encoder, self.generator
        if encoder is None or self.job.phase != "auto":
            return encoder is not None and self.job.phase == "split"
        if not has_device(self.job.device):
            return False  # the models run on other machines, whose memory is not known here
        return encoder.bytes + generator.bytes > ROOM * free_memory(self.job.device)

    def load_encoder(self) -> TextEncoder | None:
        """The text encoder, or None if the generator needs none."""
        return load_encoder(self.generator, self.job.device, self.job.encoder)

    def record(self) -> dict[str, Any]:
        """The content of `run.json`.

        Raises:
            BadInput: the text encoder cannot be loaded, or its features do not fit the generator.
        """
        encoder, generator, job = self.load_encoder(), self.generator, self.job
        if encoder is not None and job.encoder is not None and has_device(job.device):
            usable(lambda: generator.generate(encoder.encode(["a"]), [0], *self.size))
        record = {
            "job": job.shaping()
            | ({"enhance files": self.enhance_files} if self.enhance_files else {})
            | self._reward(),
            "input": self.input.fingerprint(),
            "files": self.input.digests(),
            "encoder": encoder and _identity(encoder),
            "generator": _identity(generator) | ({"parts": dict(generator.parts)} if generator.parts else {}),
            "shard_size": self.shard_size,
            "shard_pixels": self.shard_pixels,
            "taper": self._taper,
            "name_digits": self._digits,
            "shards": self.shards,
            "versions": versions(),
        }
        record |= {"reads": WORDS} if self.reads_words else {}
        return record | ({"batch_size": self.batch_size} if generator.fixed_batch else {})

    def _reward(self) -> dict[str, str]:
        """The reward model by what it is: where it lies may differ."""
        reward = self.job.reward
        return {} if reward is None else {"reward": checkpoint.digest(Path(resolve(reward)))}

    @property
    def provenance(self) -> Provenance:
        """What every picture records about how it was generated."""
        encoder = self.load_encoder()
        files = {"enhance files": self.enhance_files} if self.enhance_files else {}
        more = {"panorama": True} if self.job.panorama else {}
        return Provenance(
            encoder=encoder.name if encoder else None,
            encoder_digest=encoder.digest if encoder else None,
            generator=self.generator.name,
            generator_digest=self.generator.digest,
            settings={"text": self.job.text, "enhance": self.job.enhance_named, **more, **files},
        )

    def described(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        return describe(self)

    def of_this_part(self) -> Iterator[Shard]:
        """The shards of this run's part, complete or not."""
        part, parts = self.job.part
        shards: Iterator[Shard] = itertools.islice(shards_between(self.cuts, self._digits), part, None, parts)
        anchors = self.anchors
        if anchors is not None:
            shards = (replace(shard, level=anchors.level(shard.row)) for shard in shards)
        return mark_duplicates(shards, self._duplicates)

    def rows_of_this_part(self) -> int:
        return self.input.rows if self.job.part[1] == 1 else sum(shard.rows for shard in self.of_this_part())

    @cached_property
    def _duplicates(self) -> np.ndarray:
        return duplicate_rows(self.input, self.job.count)


def _identity(model: TextEncoder | Generator) -> dict[str, Any]:
    return {"name": model.name, "digest": model.digest}
