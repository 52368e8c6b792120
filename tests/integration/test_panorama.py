"""Panoramas from end to end: the command, what its files say, cubes of them, and looking around in the report."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import exiv2
import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.remote.webelement import WebElement

from flows.jobs.form import as_form
from flows.jobs.render import RenderJob
from flows.plans.render import Plan
from tasks.report.page import write_report
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage
from tests.integration.browser import Page
from tests.integration.runs import Outcome, files, table
from tests.panoramas import directions
from tests.tasks.run_folder import make_run

Mill = Callable[..., Outcome]

PROMPTS = """id,text,width,height
beach,a sunny beach with a couple strolling,,
zh,沙滩上有一对情侣散步,128,
high,a red bus in the rain,,32
odd,a cat,80,60
uneven,a cat,81,
"""


def test_rows_become_panoramas_with_their_own_sizes(tmp_path: Path, imagemill: Mill) -> None:
    prompts, run = tmp_path / "prompts.csv", tmp_path / "run"
    prompts.write_text(PROMPTS)
    command = ["render", prompts, "--out", run, "--width", 96, "--no-report"]
    planned = imagemill(*command, "--panorama", "--dry-run")
    assert "96 x 48 pixels, 1 a prompt, panoramas" in planned.out
    outcome = imagemill(*command, "--panorama")
    assert outcome.code == 3, outcome.err

    made = {row["id"]: row for row in table(str(run), "metadata").to_pylist()}
    assert {id: (row["width"], row["height"]) for id, row in made.items()} == {
        "beach": (96, 48), "zh": (128, 64), "high": (64, 32)
    }  # fmt: skip
    assert all(json.loads(row["settings"])["panorama"] for row in made.values())
    for row in made.values():
        image = exiv2.ImageFactory.open(files(str(run))[row["image"]])
        image.readMetadata()
        told = {datum.key(): datum.toString() for datum in image.xmpData()}
        assert told["Xmp.GPano.ProjectionType"] == "equirectangular"
        assert told["Xmp.GPano.FullPanoWidthPixels"] == str(row["width"])
    failed = {row["prompt_id"]: row["error"] for row in table(str(run), "quarantine").to_pylist()}
    assert "twice as wide as high, which 80 x 60 is not; give its width alone" in failed["odd"]
    assert "which 81 x 40 is not" in failed["uneven"]

    assert json.loads((run / "run.json").read_text())["job"]["panorama"] is True
    job = RenderJob(prompts=str(prompts), out=str(run), width=96, panorama=True)
    assert open_record(Storage(str(run)), Plan(job, tmp_path).record(), resume=True)
    with pytest.raises(BadInput, match="job panorama: True then, None now"):
        open_record(Storage(str(run)), Plan(job.model_copy(update={"panorama": False}), tmp_path).record(), resume=True)
    square = imagemill(*command, "--panorama", "--height", 96, "--dry-run")
    assert square.code == 2 and "which 96 x 96 is not" in square.err
    other = imagemill(*command, "--panorama", "--generator", "dummy", "--dry-run")
    assert other.code == 2 and "dummy makes no panoramas; use default" in other.err

    assert "3 cubes in" in imagemill("cubes", run, "--to", tmp_path / "cubes", "--face", 16).out
    assert len(list((tmp_path / "cubes").rglob("*.png"))) == 18
    refused = imagemill("cubes", run, "--to", tmp_path / "cubes", "--face", 4)
    assert refused.code == 2 and "give 16 to 4096 pixels" in refused.err


def test_prefects_form_explains_the_option() -> None:
    told = as_form(RenderJob, RenderJob.model_json_schema())["properties"]["panorama"]
    assert told["type"] == "boolean" and told["default"] is False
    assert "twice as wide as high" in told["description"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("panoramas") / "run"
    out = io.BytesIO()
    Image.fromarray(directions(512)).save(out, "PNG")
    make_run(run, 2, picture=lambda row: out.getvalue())
    record = json.loads((run / "run.json").read_text())
    record["job"]["panorama"] = True
    (run / "run.json").write_text(json.dumps(record))
    write_report(Storage(str(run)))
    return run / "report/index.html"


@pytest.fixture
def view(chromium: webdriver.Chrome, report: Path) -> Page:
    """The report from a disk, with its first panorama open."""
    page = Page(chromium, report.as_uri())
    page.open(0)
    page.until(lambda: page.script("return document.querySelector('.panorama canvas')?.dataset.yaw"))
    return page


def ahead(canvas: WebElement) -> tuple[float, float, float]:
    """Where a viewer looks, from the colour in the middle of what is seen: right, up, ahead."""
    with Image.open(io.BytesIO(canvas.screenshot_as_png)) as image:
        seen = np.asarray(image.convert("RGB"), float)
    height, width = seen.shape[:2]
    x, y, z = (seen[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2].mean((0, 1)) - 127) / 120
    return float(x), float(y), float(z)


def test_one_looks_around_by_mouse_and_keys(view: Page) -> None:
    canvas = view.one(".panorama canvas")
    turned = lambda: float(str(canvas.get_attribute("data-yaw")))  # noqa: E731
    assert canvas.accessible_name.startswith("Panorama: a lighthouse")
    assert ahead(canvas) == pytest.approx((0, 0, 1), abs=0.03)
    ActionChains(view.browser).drag_and_drop_by_offset(canvas, -150, 0).perform()
    view.until(lambda: turned() > 0.3)
    assert ahead(canvas) == pytest.approx((np.sin(turned()), 0, np.cos(turned())), abs=0.04)
    canvas.send_keys(Keys.ARROW_RIGHT * 24)  # over the seam, at the back
    view.until(lambda: -3.1 < turned() < -2)
    assert ahead(canvas) == pytest.approx((np.sin(turned()), 0, np.cos(turned())), abs=0.04)
    canvas.send_keys(Keys.ARROW_UP * 20)
    view.until(lambda: canvas.get_attribute("data-pitch") == "1.571")
    assert ahead(canvas) == pytest.approx((0, 1, 0), abs=0.05)
    canvas.send_keys("+")
    view.until(lambda: float(str(canvas.get_attribute("data-zoom"))) < 1.3)
    canvas.send_keys(Keys.HOME)
    view.until(lambda: canvas.get_attribute("data-pitch") == "0.000")
    assert view.one("#place").text == "1 of 2", "the arrows of the view are its own"
    assert view.complaints() == []


def test_what_is_seen_has_no_gaps(view: Page) -> None:
    """A smooth panorama is seen smooth: no lines between the triangles of the mesh, and no seam behind."""
    canvas = view.one(".panorama canvas")
    for key in (Keys.HOME, Keys.ARROW_LEFT * 26, Keys.ARROW_DOWN * 9):
        canvas.send_keys(key)
        view.script("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        with Image.open(io.BytesIO(canvas.screenshot_as_png)) as image:
            seen = np.asarray(image.convert("RGB"), float)[12:-12, 12:-12]
        assert np.abs(np.diff(seen, axis=0)).max() < 12 and np.abs(np.diff(seen, axis=1)).max() < 12


def test_the_flat_picture_is_a_button_away(view: Page) -> None:
    view.one(".panorama button").click()
    assert view.one("#figure img").is_displayed() and not view.one(".panorama canvas").is_displayed()
    view.one(".panorama button").click()
    assert view.one(".panorama canvas").is_displayed()
    view.one("#next").click()
    view.until(lambda: view.one("#place").text == "2 of 2")
    view.until(lambda: view.script("return document.querySelectorAll('.panorama canvas[data-yaw]').length === 1"))


def test_a_finger_turns_it_on_a_phone(chromium: webdriver.Chrome, report: Path) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page = Page(chromium, report.as_uri())
        page.open(0)
        page.until(lambda: page.script("return document.querySelector('.panorama canvas')?.dataset.yaw"))
        canvas = page.one(".panorama canvas")
        assert page.script("return document.querySelector('.sheet').scrollWidth <= 390")
        finger = ActionBuilder(chromium, mouse=PointerInput("touch", "finger"))
        finger.pointer_action.move_to(canvas).pointer_down().move_to(canvas, -60, 40).pointer_up()
        finger.perform()
        page.until(lambda: float(str(canvas.get_attribute("data-yaw"))) > 0.1)
        assert float(str(canvas.get_attribute("data-pitch"))) > 0.05
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
