"""Working with the report: order, groups, filters, links, selection, another run beside, pixels; in a real browser."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

from tasks.report.page import write_report
from tasks.runfolder.storage import Storage
from tests.integration.browser import Page
from tests.tasks.run_folder import PROMPTS, gradient, make_run, picture_id

PICTURES = 60
SEASONS = ("spring", "summer", "autumn", "winter")
OWN = {
    "season": lambda row: SEASONS[row % 4],
    "price": lambda row: 2.5 * row if row % 10 else None,
    "note": lambda row: f"window-{row}-left",
    "big": lambda row: 2**60 + row,
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with columns of its own, beside an earlier run of half its prompts."""
    base = tmp_path_factory.mktemp("gallery")
    failures = [("generate", "It holds values that are not numbers.", "a black hole")]
    make_run(base / "before", PICTURES // 2, picture=lambda row: gradient(row + 1, 240))
    run = make_run(base / "after", PICTURES, carried=OWN, failures=failures, picture=lambda row: gradient(row, 240))
    return Path(write_report(Storage(str(run)), beside=Storage(str(base / "before"))))


@pytest.fixture
def page(chromium: webdriver.Chrome, report: Path) -> Iterator[Page]:
    page = Page(chromium, report.as_uri())
    yield page
    assert page.complaints() == []


def positions(page: Page, code: str) -> list[object]:
    return page.script(f"return shown.filter(isPicture).map((i) => {code})")  # type: ignore[no-any-return]


def test_search_finds_rows_by_what_an_own_column_says(page: Page) -> None:
    page.search("SPRING")
    page.until(lambda: page.count == f"{PICTURES // 4} of {PICTURES + 1}")
    assert set(positions(page, "pictures.row[i] % 4")) == {0}
    page.search("winter window-43-")  # of two columns
    page.until(lambda: page.count == f"1 of {PICTURES + 1}")


def test_any_column_orders_the_pictures_and_what_has_no_value_is_last(page: Page) -> None:
    page.choose("sort", "price")
    page.one("#descending").click()
    page.until(lambda: positions(page, "pictures.row[i]")[:3] == [59, 58, 57])
    assert {row % 10 for row in positions(page, "pictures.row[i]")[-6:]} == {0}  # type: ignore[operator]
    page.until(lambda: page.one("#grid .value").text == "147.5")
    page.choose("sort", "big")  # beyond what a number of JavaScript holds
    page.until(lambda: page.one("#grid .value").text == str(2**60 + 59))
    page.choose("sort", "season")
    page.one("#descending").click()
    page.until(lambda: positions(page, "pictures.row[i] % 4")[:2] == [2, 2])


def test_pictures_of_a_prompt_stand_side_by_side(page: Page) -> None:
    page.press("g")
    page.until(lambda: page.count == f"{PICTURES + 1} shown, {len(PROMPTS) + 1} groups")
    heads = [head.text for head in page.browser.find_elements(By.CSS_SELECTOR, "#grid h3")]
    assert heads[0] == PROMPTS[0]
    first = page.tiles()[: PICTURES // len(PROMPTS)]
    assert all(tile.text.startswith("seed ") for tile in first)
    assert len({tile.location["y"] for tile in page.tiles()[:2]}) == 1
    page.tiles()[0].send_keys(Keys.ARROW_DOWN * 5)  # past heads, too
    assert int(page.focused()) > 10
    page.choose("group", "by season")
    page.until(lambda: "4 groups" in page.count or "5 groups" in page.count)


def test_a_column_filters_and_the_filter_can_be_taken_away(page: Page) -> None:
    page.choose("condition", "price")
    page.until(lambda: page.one(".condition").is_displayed())
    page.one("[aria-label='price from']").send_keys("100")
    page.one("[aria-label='price to']").send_keys("110")
    assert positions(page, "pictures.row[i]") == [41, 42, 43, 44]
    page.choose("condition", "season")
    page.until(lambda: len(page.browser.find_elements(By.CSS_SELECTOR, ".condition")) == 2)
    page.script(
        "const s = document.querySelector('.condition select'); s.value = 'spring';s.dispatchEvent(new Event('change'))"
    )
    assert page.count == f"1 of {PICTURES + 1}"
    page.one("[aria-label='Remove filter by price']").click()
    assert page.count == f"15 of {PICTURES + 1}"


def test_a_link_shows_the_same_state(page: Page, report: Path) -> None:
    page.choose("sort", "brightness")
    page.search("fox")
    page.one("#descending").click()
    page.tiles()[2].send_keys("x")
    page.open(1)
    address, there = page.browser.current_url, page.columns()["id"]
    assert report.as_uri() + "#" in address
    page.browser.get("about:blank")
    again = Page(page.browser, address)
    again.until(again.is_open)
    assert again.columns()["id"] == there
    assert again.one("#selected").text == "1 selected"
    again.press(Keys.ESCAPE)
    again.until(lambda: not again.is_open())
    assert (again.count, again.one("#query").get_attribute("value")) == (f"10 of {PICTURES + 1}", "fox")
    shown = [float(value.text) for value in again.browser.find_elements(By.CSS_SELECTOR, "#grid .value")]
    assert shown == sorted(shown, reverse=True)
    again.browser.get("about:blank")
    for odd in (
        "#where=[{",
        "#where=" + quote('[{"name":"__proto__"},null,3]'),
        "#sort=none&picked=7&open=x&status=y%22",
    ):
        assert Page(again.browser, report.as_uri() + odd).count == f"{PICTURES + 1} shown"
        again.browser.get("about:blank")


def test_the_back_button_closes_the_picture(page: Page) -> None:
    page.search("fox")
    page.open(3)
    page.press(Keys.ARROW_RIGHT)
    page.until(lambda: page.one("#place").text == "5 of 10")
    page.browser.back()
    page.until(lambda: not page.is_open())
    page.until(lambda: page.focused() == "4")
    assert page.count == f"10 of {PICTURES + 1}"
    page.browser.forward()
    page.until(page.is_open)


def test_a_selection_is_downloaded_and_printed(page: Page, tmp_path: Path) -> None:
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.tiles()[5].send_keys("x")
    page.script(
        "document.querySelectorAll('.pick')[2].dispatchEvent(new MouseEvent('click', {shiftKey: true, bubbles: true}))"
    )
    assert page.one("#selected").text == "4 selected"
    page.one("#download-list").click()
    file = tmp_path / "after-selected.csv"
    page.until(file.exists)
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    assert [row["id"] for row in rows] == [picture_id(row) for row in (2, 3, 4, 5)]
    assert rows[1]["text"] == PROMPTS[3] and rows[1]["seed"] == str(int(picture_id(3), 16) >> 1)
    page.script("window.print = () => { document.title = 'printed'; }")
    page.one("#print-list").click()
    assert page.browser.title == "printed"
    assert page.script("return [...document.querySelectorAll('#printed b')].map((b) => b.textContent)") == [
        row["id"] for row in rows
    ]
    page.one("#select-none").click()
    assert not page.one("#selection").is_displayed()


def test_prompt_and_settings_are_copied(page: Page) -> None:
    page.script("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.open(1)
    page.one("#copy-prompt").click()
    page.until(lambda: page.script("return window.copied") == PROMPTS[1])
    page.press("C")
    page.until(lambda: page.script("return window.copied").startswith("{"))
    made = json.loads(page.script("return window.copied"))
    assert made["text"] == PROMPTS[1] and made["generator"] == "imagemill-vae" and made["width"] == 96
    assert str(made["seed"]) == str(int(picture_id(1), 16) >> 1)
    assert page.one("#told").get_attribute("textContent") == "Settings copied"


def test_another_run_stands_beside(page: Page) -> None:
    page.until(lambda: page.script("return document.querySelector('#grid .partner').naturalWidth === 240"))
    page.choose("sort", "row")
    page.one("#descending").click()
    assert page.script("return document.querySelectorAll('#grid .partner').length") == 0, (
        "of the later half there is none"
    )
    page.one("#descending").click()
    page.open(0)
    sources = page.script("return [...document.querySelectorAll('#figure img')].map((i) => i.src)")
    assert ["/before/images/" in source for source in sources] == [True, False]
    page.until(
        lambda: page.script("return [...document.querySelectorAll('#figure img')].every((i) => i.naturalWidth === 240)")
    )
    page.press(Keys.ESCAPE)
    page.one("#together").click()
    assert page.script("return document.querySelectorAll('#grid .partner').length") == 0


def test_a_click_shows_the_pixels(page: Page) -> None:
    page.open(0)
    page.until(
        lambda: page.script("return [...document.querySelectorAll('#figure img')].every((i) => i.naturalWidth === 240)")
    )
    width = "return document.querySelector('#figure .view:last-child img').getBoundingClientRect().width"
    fitted = page.script(width)
    page.browser.find_elements(By.CSS_SELECTOR, "#figure img")[-1].click()
    assert page.script(width) in {240, 480, 720} and page.script(width) > fitted
    scrolled = "return [...document.querySelectorAll('.view')].map((v) => Math.round(v.scrollLeft))"
    before = page.script(scrolled)
    page.press(Keys.ARROW_RIGHT)
    page.until(lambda: page.script(scrolled)[0] > before[0] and len(set(page.script(scrolled))) == 1)
    assert page.one("#place").text == f"1 of {PICTURES + 1}", "the arrows move about in it"
    page.press("z")
    page.until(lambda: page.script(width) == fitted)


def test_pictures_are_whole_and_timings_below(chromium: webdriver.Chrome, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = make_run(tmp_path / "run", 4)
    table = pq.read_table(run / "metadata/00000.parquet")
    heights = pa.array([48] * 4, pa.int32())
    pq.write_table(
        table.set_column(table.column_names.index("height"), "height", heights), run / "metadata/00000.parquet"
    )
    page = Page(chromium, Path(write_report(Storage(str(run)))).as_uri())
    frame = page.script("const r = document.querySelector('.frame').getBoundingClientRect(); return r.width / r.height")
    assert frame == pytest.approx(2, rel=0.02)
    assert page.script("return getComputedStyle(document.querySelector('.frame img')).objectFit") == "contain"
    assert page.one("#grid").location["y"] < page.one("#panels").location["y"]
    assert [head.tag_name for head in page.browser.find_elements(By.CSS_SELECTOR, "h1, h2")][:2] == ["h1", "h2"]


def test_hundred_thousand_are_sorted_and_grouped_at_once(chromium: webdriver.Chrome, report: Path) -> None:
    page = Page(chromium, report.as_uri())
    took = page.script(
        """
        const n = 100000, like = (list) => Array.from({ length: n }, (_, i) => list[i % 60]);
        for (const name in pictures) pictures[name] = like(pictures[name]);
        const values = Array.from({ length: n }, () => Math.random());
        columns.set('brightness', { kind: 'number', varies: true, values });
        order = byRow();
        byId('sort').value = 'brightness';
        byId('group').value = 'text';
        const start = performance.now();
        filter();
        return performance.now() - start"""
    )
    assert took < 2_000, f"{took:.0f} ms"
    assert "100,001 shown, 7 groups" in page.count
    start = time.monotonic()
    page.tiles()[0].send_keys(Keys.END)
    page.until(lambda: int(page.focused()) > 99_990)
    assert time.monotonic() - start < 5
