"""`imagemill storyboard` as a whole: panels, page, animatic and PDF, resumed, and a panel alone."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PdfParser import PdfParser
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.integration.runs import Outcome, files, snapshot, table
from tests.tasks.storyboard.samples import path_of

Mill = Callable[..., Outcome]


@pytest.fixture(scope="module")
def lamp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The whole of one script by the embedded model."""
    from flows.cli.main import main

    run = tmp_path_factory.mktemp("boards") / "lamp"
    with pytest.raises(SystemExit) as ended:
        main(["storyboard", str(path_of("lamp.fountain")), "--out", str(run)])
    assert ended.value.code == 0
    yield run


def test_every_panel_has_a_picture_and_is_in_film_and_pdf(lamp: Path) -> None:
    made = table(str(lamp), "metadata").to_pylist()
    panels = [row for row in made if row["scene"]]
    assert [row["id"] for row in made if not row["scene"]] == [
        "card-MAYA", "card-BISCUIT", "card-OLD TOM", "card-CAPTAIN REED",
    ]  # fmt: skip
    assert {row["scene"] for row in panels} == {1, 2, 3, 4, 5, 6}
    with Image.open(lamp / "animatic.webp") as film:
        assert film.n_frames == len(panels)  # type: ignore[attr-defined]
        film.seek(1)
        film.load()
        assert film.info["timestamp"] == round(1000 * panels[0]["seconds"])
        film.seek(film.n_frames - 1)  # type: ignore[attr-defined]
    with PdfParser(str(lamp / "storyboard.pdf")) as document:
        assert len(document.pages) == -(-len(panels) // 6)
        _, _, width, height = document.read_indirect(document.pages[0])[b"MediaBox"]
    assert abs(width / height - 2**0.5) < 0.01, "A4 across"


def test_the_page_reads_as_a_storyboard(lamp: Path, chromium: webdriver.Chrome) -> None:
    chromium.get_log("browser")
    chromium.get((lamp / "storyboard.html").as_uri())
    titles = [title.text for title in chromium.find_elements(By.TAG_NAME, "h2")]
    assert titles[:2] == ["Characters", "1EXT. BEACH - DAY"]
    panel = chromium.find_element(By.ID, "s01p03").text
    assert panel.split()[:2] == ["s01p03", "medium"]
    assert "Biscuit stops and barks at the waves." in panel
    assert "(laughing) You always bark" in panel
    unseen = (
        "return [...document.images].filter(i => { i.loading = 'eager'; return !i.src.startsWith('data:') }).length"
    )
    assert chromium.execute_script(unseen) == 1, "the film alone is linked to"
    widths = "return [...document.querySelectorAll('li img')].map(i => i.naturalWidth)"
    assert set(chromium.execute_script(widths)) == {128, 192}
    assert chromium.get_log("browser") == []


def test_a_panel_made_alone_is_that_of_the_whole_run(lamp: Path, imagemill: Mill, tmp_path: Path) -> None:
    alone = imagemill("storyboard", path_of("lamp.fountain"), "--out", tmp_path / "one", "--panels", "s03p02")
    assert alone.code == 0, alone.err
    made = {row["id"]: row for row in table(str(tmp_path / "one"), "metadata").to_pylist()}
    assert sorted(made) == ["card-BISCUIT", "card-MAYA", "s03p02"]
    whole = {row["id"]: row["sha256"] for row in table(str(lamp), "metadata").to_pylist()}
    assert all(row["sha256"] == whole[id] for id, row in made.items())
    assert not (tmp_path / "one" / "storyboard.html").exists()


def test_running_again_changes_nothing_and_another_script_is_refused(lamp: Path, imagemill: Mill) -> None:
    before, pages = (
        snapshot(str(lamp)),
        {name: (lamp / name).read_bytes() for name in ("animatic.webp", "storyboard.pdf")},
    )
    assert imagemill("storyboard", path_of("lamp.fountain"), "--out", lamp).code == 0
    assert snapshot(str(lamp)) == before
    assert {name: (lamp / name).read_bytes() for name in pages} == pages
    other = imagemill("storyboard", path_of("market.md"), "--out", lamp)
    other.refused("the run there was made from something else")
    imagemill("storyboard", path_of("lamp.fountain"), "--out", lamp, "--style", "ink").refused(
        "style: '' then, 'ink' now"
    )


def test_chinese_on_s3_with_a_bad_option_told(bucket: str, imagemill: Mill) -> None:
    run = f"{bucket}/board"
    script = path_of("lantern.txt")
    imagemill("storyboard", script, "--out", run, "--panels", "s09p01").refused("there is no such panel; they go from")
    imagemill("storyboard", script, "--out", run, "--font", "none.ttf").refused("--font")
    outcome = imagemill("storyboard", script, "--out", run, "--generator", "dummy", "--width", 64, "--height", 64)
    assert outcome.code == 0, outcome.err
    data = files(run)
    assert "外景 河边 黄昏" in data["storyboard.html"].decode()
    with Image.open(io.BytesIO(data["animatic.webp"])) as film:
        assert film.n_frames > 20  # type: ignore[attr-defined]
