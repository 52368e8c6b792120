"""What all ads of a campaign have in common: its axes, copy, brand, templates and rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.campaign.brand_kit import BrandKit
from tasks.campaign.grid import Cell, Grid, as_text, copy_column, copy_in
from tasks.campaign.labels import Labels
from tasks.campaign.placements import Format, Placement
from tasks.campaign.wording import columns_of, draw, fill_in, without
from tasks.layout.template import Template
from tasks.render.read import picture_seed

SHAPES = {"landscape": 1.5, "square": 1.0, "portrait": 2 / 3}
"""Ratios of width and height in which pictures are generated; a crop does the rest."""
SCENE = "--scene"
"""Ends the id of a picture without its product."""
IMAGE, SUBJECT = "image", "subject"
"""Columns of the product table: a picture of one's own, and the box of its subject as shares x,y,width,height."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """A campaign, ready to be carried out.

    `columns`: of the product table; `lists`: the lines of each `__list__` of the prompt; `folder`: where pictures that
    the table names are looked for.
    """

    grid: Grid
    audiences: Mapping[str, Mapping[str, str]]
    placements: Mapping[str, Placement]
    languages: tuple[str, ...]
    brand: BrandKit
    templates: tuple[Template, ...]
    columns: tuple[str, ...]
    product_column: str
    prompt: str
    lists: Mapping[str, list[str]]
    names: str
    folder: str
    seed: int = 0
    format: Format | None = None
    labels: Labels = "by-region"
    visible_mark: bool = False
    producer: str = ""
    tint: float = 0.0
    copy_columns: tuple[str, ...] = field(default=())

    def axes(self, cell: Cell) -> tuple[str, str, str]:
        """The names of a cell's audience, placement and language."""
        return list(self.audiences)[cell.audience], list(self.placements)[cell.placement], self.languages[cell.language]

    def values(self, row: Mapping[str, Any], cell: Cell) -> dict[str, str]:
        """All that a template may name for an ad: the product's columns, the audience's, the tone, and the axes."""
        audience, placement, language = self.axes(cell)
        product = {name: as_text(value) for name, value in row.items()}
        own = {"product": product.get(self.product_column, ""), "tone": self.brand.file.tone}
        place = {"placement": placement, "platform": self.placements[placement].platform}
        return own | product | dict(self.audiences[audience]) | place | {"audience": audience, "language": language}

    def copy(self, values: Mapping[str, str], language: str) -> dict[str, str]:
        """The copy of an ad, with `{{column}}` filled in. Raises ValueError if one has no value."""
        copy = copy_in(language, values, self.copy_columns)
        return {name: fill_in(text, values) if "{{" in text else text for name, text in copy.items()}

    def own_columns(self) -> set[str]:
        """Columns of the product table that are copy or control, and not carried to the metadata."""
        copy = {copy_column(name, language, self.columns) for name in self.copy_columns for language in self.languages}
        return copy | {self.product_column, IMAGE, SUBJECT}

    def shape_of(self, placement: Placement) -> str:
        """In which shape a picture for a placement is generated; an extreme one shows a part of it beside a panel."""
        ratio = placement.size[0] / placement.size[1]
        if ratio < 0.5 or ratio > 2.6:
            return "square"
        return min(SHAPES, key=lambda shape: abs(SHAPES[shape] / ratio - 1))

    def shapes(self) -> list[str]:
        """The shapes that the placements need."""
        wanted = {self.shape_of(placement) for placement in self.placements.values()}
        return [shape for shape in SHAPES if shape in wanted]

    def picture_id(self, values: Mapping[str, str], shape: str) -> str:
        """The id of the generated picture that an ad uses: ads differ in placement and language alone share one."""
        return f"{values['product']}--{values['audience']}--{shape}"

    def picture_prompt(self, values: Mapping[str, str]) -> str:
        """The prompt of its pictures. Raises ValueError if a column that it names has no value."""
        return self._drawn(self.prompt, values)

    def pictures_of(self, row: Mapping[str, Any], product: int) -> Iterator[tuple[str, str, str, int]]:
        """Id, prompt, shape and seed of the pictures to be generated for a product.

        Each comes with one of the same seed without the product, which shows where in the first it is.
        """
        if as_text(row.get(IMAGE)).strip():
            return
        for cell in self._picture_cells(product):
            values = self.values(row, cell)
            for shape in self.shapes():
                id = self.picture_id(values, shape)
                try:
                    prompt = self.picture_prompt(values)
                except ValueError:
                    continue  # its ads are quarantined with the reason
                seed = picture_seed(self.seed, id)
                yield id, prompt, shape, seed
                scene = self._drawn(without(self.prompt, self._of_product(row)), values).strip(" ,.;:-")
                if scene and scene != prompt:
                    yield f"{id}{SCENE}", scene, shape, seed

    def _drawn(self, template: str, values: Mapping[str, str]) -> str:
        """Choices are those of the product and the audience, so that ads of all shapes show one scene."""
        audience = self.audiences[values["audience"]]
        seed = picture_seed(self.seed, f"{values['product']}--{values['audience']}")
        return draw(template, audience, values, self.lists, seed)

    def _of_product(self, row: Mapping[str, Any]) -> set[str]:
        """The columns of the prompt that name the product."""
        return {"product", *row} & set(columns_of(self.prompt))

    def _picture_cells(self, product: int) -> Iterator[Cell]:
        if self.grid.combine == "zip":
            rows = range(self.grid.rows) if self.grid.products == 1 else range(product, product + 1)
            audiences = sorted({self.grid.cell(row).audience for row in rows})
        else:
            audiences = list(range(self.grid.audiences))
        for audience in audiences:
            yield Cell(0, product, audience, 0, 0)
