"""Read: one shard's ads from the product table, with their copy and the picture behind each."""

from collections.abc import Mapping
from typing import Any

from tasks.campaign.grid import Cell, ad_name, as_text
from tasks.campaign.recipe import IMAGE, SUBJECT, Recipe
from tasks.campaign.shard_state import Ad, AdShard, ad_identity
from tasks.prompts.parquet_reader import shard_rows
from tasks.prompts.shards import Shard
from tasks.prompts.whole_input import Input
from tasks.render.read import values as column_values
from tasks.runfolder.shard_state import Failure


def read_ads(found: Input, shard: Shard, recipe: Recipe, generated: Mapping[str, str]) -> AdShard:
    """Reads a shard.

    Args:
        generated: paths of the generated pictures by id.

    Raises:
        StorageError: the product table cannot be read (any more).
    """
    cells = [recipe.grid.cell(row) for row in range(shard.row, shard.row + shard.rows)]
    first, last = min(cell.product for cell in cells), max(cell.product for cell in cells)
    rows = shard_rows(found, Shard(shard.index, first, last - first + 1))
    carried = rows.table.select([name for name in rows.table.column_names if name not in recipe.own_columns()])
    columns = {name: column_values(rows.table[name]) for name in rows.table.column_names}
    work = AdShard(shard, [], [], carried, first)
    for cell in cells:
        i = cell.product - first
        product = {name: column[i] for name, column in columns.items()}
        try:
            values = recipe.values(product, cell)
        except UnicodeError:
            values = {}
        name = f"{cell.row:08d}"
        try:
            if i in rows.problems:
                raise ValueError(f"{rows.problems[i]}.")
            name = ad_name(recipe.names, values)
            work.items.append(_ad(cell, name, product, values, recipe, generated))
        except ValueError as error:
            place = rows.place(i)
            work.failures.append(Failure(cell.row, "read", f"{place}{error}", ad_identity(name, values)))
    return work


def _ad(
    cell: Cell,
    name: str,
    product: Mapping[str, Any],
    values: dict[str, str],
    recipe: Recipe,
    generated: Mapping[str, str],
) -> Ad:
    """Raises ValueError with a sentence if something of it is missing."""
    _, placement, language = recipe.axes(cell)
    ad = Ad(cell.row, cell.product, name, values)
    ad.copy = recipe.copy(values, language)
    for column, text in ad.copy.items():
        most = recipe.placements[placement].limit(column, language)
        if most is not None and len(text) > most:
            raise ValueError(
                f'{column} "{text[:60]}" has {len(text)} characters, {placement} takes {most}; shorten it.'
            )
    own = as_text(product.get(IMAGE)).strip()
    if own:
        ad.picture = own
        ad.subject = parse_subject(as_text(product.get(SUBJECT)))
        return ad
    ad.picture = recipe.picture_id(values, recipe.shape_of(recipe.placements[placement]))
    ad.prompt = recipe.picture_prompt(values)
    ad.generated = True
    if ad.picture not in generated:
        raise ValueError(
            f"its picture {ad.picture!r} could not be generated; `imagemill inspect` of RUN/pictures says why."
        )
    return ad


def parse_subject(text: str) -> tuple[float, float, float, float] | None:
    """The box of a subject: `x,y,width,height` as shares of the picture. Raises ValueError."""
    if not text.strip():
        return None
    try:
        x, y, width, height = (float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        raise ValueError(f"subject is {text!r}; write x,y,width,height as shares, such as 0.2,0.1,0.5,0.8.") from None
    if not (0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 - x + 1e-9 and 0 < height <= 1 - y + 1e-9):
        raise ValueError(f"subject is {text!r}, which is not within the picture; its shares are from 0 to 1.")
    return x, y, width, height
