"""The grid of products, audiences, placements and languages, and the names of its ads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.campaign.grid import Cell, Grid, ad_name, check_pattern, check_unique, copy_in
from tasks.runfolder.errors import BadInput

AXES = ["product", "audience", "placement", "language"]
count = st.integers(1, 6)


@given(count, count, count, count)
def test_every_cell_of_a_grid_is_there_once(products: int, audiences: int, placements: int, languages: int) -> None:
    grid = Grid(products, audiences, placements, languages)
    cells = [grid.cell(row) for row in range(grid.rows)]
    assert len({(c.product, c.audience, c.placement, c.language) for c in cells}) == grid.rows
    assert [c.product for c in cells] == sorted(c.product for c in cells)


def test_side_by_side_takes_as_many_of_each_or_one() -> None:
    grid = Grid(3, 1, 3, 1, "zip")
    grid.check()
    assert [grid.cell(row) for row in range(grid.rows)] == [Cell(i, i, 0, i, 0) for i in range(3)]
    with pytest.raises(BadInput, match="zip takes as many of each, or one; there are 3 products, 2 audiences"):
        Grid(3, 2, 1, 1, "zip").check()


def test_a_pattern_must_tell_ads_apart() -> None:
    grid = Grid(2, 2, 1, 1)
    check_pattern("{{product}}_{{audience}}", grid, AXES)
    with pytest.raises(BadInput, match=r"gives all 2 audiences one name; add \{\{audience\}\}"):
        check_pattern("{{product}}", grid, AXES)
    with pytest.raises(BadInput, match="there is no column 'sku'; take product"):
        check_pattern("{{sku}}_{{audience}}", grid, AXES)


def test_two_ads_of_one_name_are_found_also_where_case_is_ignored() -> None:
    check_unique(["a_b", "a_c"])
    for names in (["a_b", "x", "A_B"], ["é", "x", "e\u0301"]):
        with pytest.raises(BadInput, match="ads 0 and 2 would have the same name"):
            check_unique(names)


def test_names_are_safe_file_names() -> None:
    assert ad_name("{{product}}_{{language}}", {"product": "../a/b", "language": "zh"}) == "%2E.%2Fa%2Fb_zh"


def test_copy_is_that_of_the_language_or_of_all() -> None:
    row = {"headline": "Hi", "headline_zh": "你好", "headline_zh-Hant": "妳好"}
    found = [copy_in(language, row, ["headline", "text"]) for language in ("zh-Hant", "zh-CN", "fr")]
    assert [copy["headline"] for copy in found] == ["妳好", "你好", "Hi"]
    assert found[0]["text"] == ""
