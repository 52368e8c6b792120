"""The plan of a campaign: its recipe, its ads in shards, and the prompts of the pictures behind them."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from flows.jobs.campaign import CampaignJob
from tasks.campaign.brand_kit import BrandKit
from tasks.campaign.grid import Grid, ad_name, check_pattern, check_unique, copy_column
from tasks.campaign.placements import choose, load_placements
from tasks.campaign.recipe import SHAPES, Recipe
from tasks.campaign.signing import Signer
from tasks.campaign.wording import columns_of, read_lists
from tasks.layout.template import Template, own_templates
from tasks.loading.models import load_generator
from tasks.loading.yaml_files import fill, load_yaml
from tasks.prompts.parquet_reader import shard_rows
from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import Shard, cut_evenly, shards_between
from tasks.prompts.whole_input import Input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import versions
from tasks.runfolder.storage import Storage

PROMPTS = "prompts.parquet"
"""In the run folder: the prompts of the pictures that are generated."""
_SHARD, _BLOCK = 24, 256
_AXES = ("product", "tone", "placement", "platform", "audience", "language")


class CampaignPlan:
    """What a job has to do, planned without writing anywhere but to `spool`.

    Raises:
        BadInput: the job, its table, its brand kit, its placements or its templates cannot be used.
    """

    def __init__(self, job: CampaignJob, spool: Path) -> None:
        self.job = job.checked()
        self.spool = spool
        self.products: Input = find_input(job.products, Storage(str(spool)), job.product_column, job.out)
        self.recipe = self._recipe()
        self.signer = Signer(job.certificate, job.key) if job.certificate and job.key else None
        self.shard_size = job.shard_size or _SHARD
        self.shards = -(-self.recipe.grid.rows // self.shard_size)
        check_unique(self._names())
        self.prompts = self._write_prompts()

    def _recipe(self) -> Recipe:
        job, columns = self.job, tuple(self.products.schema.names)
        placements = choose(job.placements, load_placements(Path(job.placement_file) if job.placement_file else None))
        templates = tuple(load_templates(job.templates))
        brand = BrandKit(Path(job.brand))
        brand.check_panels(list(templates))
        grid = Grid(self.products.rows, len(job.audiences), len(placements), len(job.languages), job.combine)
        grid.check()
        audience_columns = {name for audience in job.audiences.values() for name in audience}
        known = list(dict.fromkeys([*_AXES, *columns, *sorted(audience_columns)]))
        check_pattern(job.names, grid, known)
        copy = tuple(dict.fromkeys(box.copy_of for template in templates for box in template.boxes if box.copy_of))
        self._check_columns(copy, columns, known, templates)
        folder = job.products.rpartition("/")[0] or "."
        return Recipe(
            grid=grid,
            audiences=job.audiences,
            placements=placements,
            languages=tuple(job.languages),
            brand=brand,
            templates=templates,
            columns=columns,
            product_column=job.product_column,
            prompt=job.prompt,
            lists=read_lists([job.prompt, *self._scenes()], Path(folder)),
            names=job.names,
            folder=folder,
            seed=job.seed,
            format=job.format,
            labels=job.labels,
            visible_mark=job.visible_mark,
            producer=job.producer,
            copy_columns=copy,
        )

    def _scenes(self) -> list[str]:
        """The audiences' columns that the prompt names: what is in them is part of the prompt."""
        named = columns_of(self.job.prompt)
        return [text for audience in self.job.audiences.values() for name, text in audience.items() if name in named]

    def _check_columns(
        self, copy: tuple[str, ...], columns: tuple[str, ...], known: list[str], templates: tuple[Template, ...]
    ) -> None:
        """Raises BadInput if a required copy has no column in a language, or the prompt names one that there is not."""
        required = {box.copy_of for template in templates for box in template.boxes if box.required}
        for name, language in itertools.product(sorted(required), self.job.languages):
            if copy_column(name, language, columns) not in columns:
                raise BadInput(f"{self.job.products}: there is no column {name}_{language!s} or {name}; add one.")
        for name in columns_of(" ".join([self.job.prompt, *self._scenes()])):
            if name not in known:
                raise BadInput(f"prompt: there is no column {name!r}; take {', '.join(known)}.")

    def _product_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows of the product table, a block at a time."""
        for start in range(0, self.products.rows, _BLOCK):
            block = Shard(0, start, min(_BLOCK, self.products.rows - start))
            for i, row in enumerate(shard_rows(self.products, block).table.to_pylist()):
                yield start + i, row

    def _names(self) -> Iterator[str]:
        """The names of all ads that have one."""
        recipe = self.recipe
        grid = recipe.grid
        a_product = grid.rows // grid.products if grid.combine == "grid" else 1
        for product, row in self._product_rows():
            cells = range(product * a_product, (product + 1) * a_product)
            if grid.combine == "zip" and grid.products == 1:
                cells = range(grid.rows)
            for cell in map(grid.cell, cells):
                try:
                    yield ad_name(recipe.names, recipe.values(row, cell))
                except ValueError:
                    yield f"\0{cell.row}"  # it has none, and is quarantined

    def _write_prompts(self) -> int:
        """Writes the prompts to the spool; how many."""
        count, edge = 0, self.job.picture_edge
        sizes = {shape: (_multiple(edge * ratio**0.5), _multiple(edge / ratio**0.5)) for shape, ratio in SHAPES.items()}
        kinds = {"text": pa.string(), "width": pa.int32(), "height": pa.int32(), "seed": pa.int64()}
        schema = pa.schema({"id": pa.string(), **kinds})
        with pq.ParquetWriter(self.spool / PROMPTS, schema) as writer:
            for product, row in self._product_rows():
                rows = [
                    dict(zip(schema.names, (id, prompt, *sizes[shape], seed), strict=True))
                    for id, prompt, shape, seed in self.recipe.pictures_of(row, product)
                ]
                count += len(rows)
                if rows:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        return count

    def publish_prompts(self) -> str:
        """Puts the prompts into the run folder; their URL."""
        out = Storage(self.job.out)
        out.write(PROMPTS, (self.spool / PROMPTS).read_bytes())
        return out.url(PROMPTS)

    def carry_on(self, record: Mapping[str, Any]) -> None:
        """Takes over the shards of the run in the folder; --shard-size may differ by now."""
        self.shard_size, self.shards = record["shard_size"], record["shards"]

    def described(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        grid = self.recipe.grid
        times = " x " if grid.combine == "grid" else " beside "
        counts = zip(grid.counts, ("products", "audiences", "placements", "languages"), strict=True)
        return {
            "ads": grid.rows,
            "of": times.join(f"{count} {name}" for count, name in counts),
            "pictures to generate": self.prompts,
            "shards": f"{self.shards} of at most {self.shard_size} ads",
            "brand": self.recipe.brand.file.name,
            "placements": ", ".join(self.recipe.placements),
            "labels": self.job.labels + (", visible mark" if self.job.visible_mark else ""),
            "output": Storage(self.job.out).url(),
        }

    def of_this_part(self) -> Iterator[Shard]:
        part, parts = self.job.part
        return itertools.islice(shards_between(cut_evenly(self.recipe.grid.rows, self.shard_size)), part, None, parts)

    def rows_of_this_part(self) -> int:
        whole = self.job.part[1] == 1
        return self.recipe.grid.rows if whole else sum(shard.rows for shard in self.of_this_part())

    def record(self) -> dict[str, Any]:
        """The content of `run.json`."""
        recipe = self.recipe
        generator = load_generator(self.job.generator, self.job.device, self.job.acceleration) if self.prompts else None
        placements = {name: placement.model_dump(mode="json") for name, placement in recipe.placements.items()}
        templates = [template.model_dump(mode="json") for template in recipe.templates]
        return {
            "flow": "campaign",
            "job": self.job.shaping()
            | {"brand": recipe.brand.digest, "placement rules": placements, "layout templates": templates}
            | {"lists": dict(recipe.lists), "signed": self.signer is not None},
            "input": self.products.fingerprint() | {"rows": recipe.grid.rows, "products": self.products.rows},
            "files": self.products.digests(),
            "encoder": None,
            "generator": {"name": generator.name, "digest": generator.digest}
            if generator
            else {"name": "pictures of your own", "digest": ""},
            "shard_size": self.shard_size,
            "shards": self.shards,
            "versions": versions(),
        }


def load_templates(folder: str | None) -> Iterator[Template]:
    """The user's templates, then those of this package. Raises BadInput for one that is wrong."""
    paths = sorted(Path(folder).glob("*.yaml")) if folder else []
    if folder and not paths:
        raise BadInput(f"templates: there is no .yaml file in {folder}; name the folder of your templates.")
    for path in paths:
        yield fill(Template, load_yaml(path), str(path))
    for text in own_templates():
        yield Template(**yaml.safe_load(text))


def _multiple(edge: float) -> int:
    return max(64, round(edge / 64) * 64)
