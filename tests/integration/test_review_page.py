"""The page of `imagemill review` as a person meets it: keys, pairs, rejections, favourites, and the votes on disk."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tasks.feedback.server import review_app
from tasks.feedback.votes import read_feedback
from tasks.runfolder.storage import Storage
from tests.tasks.run_folder import make_run, picture_id

TOKEN = "a-token-that-is-long-enough"
TEXTS = ("a fox", "a boat")


class Review:
    """The page in the browser, and what its votes come to."""

    def __init__(self, browser: webdriver.Chrome, run: Path, address: str) -> None:
        self.browser, self.run = browser, Storage(str(run))
        browser.get_log("browser")  # of an earlier page
        self.address = address
        self.load()

    def load(self) -> None:
        self.browser.get(self.address)
        self.until(lambda: self.browser.execute_script("return document.documentElement.dataset.ready"))

    def until(self, true: Any) -> None:
        WebDriverWait(self.browser, 20, 0.02).until(lambda _: true())

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def one(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def votes(self, kind: str, count: int) -> list[dict[str, Any]]:
        """The votes on disk, once there are so many."""
        self.until(lambda: read_feedback(self.run, kind).num_rows >= count)
        return read_feedback(self.run, kind).to_pylist()


@pytest.fixture
def review(chromium: webdriver.Chrome, tmp_path: Path) -> Iterator[Review]:
    run = make_run(tmp_path / "run", 6, prompts=TEXTS)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(review_app(str(run), TOKEN, port), log_level="critical", lifespan="off"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        try:
            yield Review(chromium, run, f"http://127.0.0.1:{port}/{TOKEN}/")
            assert [entry["message"] for entry in chromium.get_log("browser")] == []
        finally:
            chromium.get("about:blank")  # its connections would be waited for
            server.should_exit = True
            serving.join(10)


def test_keys_give_stars_rejections_with_a_reason_and_favourites(review: Review) -> None:
    assert review.one("#progress").text == "1 of 6, 0 rated"
    review.until(lambda: review.browser.execute_script("return document.querySelector('#picture').naturalWidth === 96"))
    for key in "135":  # each goes on to the next picture
        review.press(key)
    assert review.one("#progress").text == "4 of 6, 3 rated"
    review.press("x")
    review.press("two tails", Keys.ENTER)
    review.press(Keys.ARROW_RIGHT)
    review.press("f")
    assert review.one("#favourite").get_attribute("aria-pressed") == "true"
    found = review.votes("ratings", 6)
    assert [(row["image_uid"], row["stars"]) for row in found[:3]] == [
        (picture_id(number), stars) for number, stars in enumerate((1, 3, 5))
    ]
    assert [(row["image_uid"], row["rejected"], row["reason"], row["favourite"]) for row in found[3:]] == [
        (picture_id(3), True, None, None),
        (picture_id(3), True, "two tails", None),
        (picture_id(4), None, None, True),
    ]
    review.load()
    assert review.one("#progress").text == "5 of 6, 4 rated", "it goes on where it was left"


def test_pairs_are_of_one_text_and_every_choice_is_written(review: Review) -> None:
    review.press("c")
    assert review.one("#progress").text == "1 of 4 pairs"
    review.press("a")
    assert review.one("#progress").text == "2 of 4 pairs"
    review.press(Keys.ARROW_RIGHT)
    review.one("#tie").click()
    review.press("n")
    assert review.one("#pair-caption").text == "All pairs are compared."
    found = review.votes("pairs", 4)
    numbers = {picture_id(number): number for number in range(6)}
    assert [(numbers[row["image_0_uid"]], numbers[row["image_1_uid"]]) for row in found] == [
        (0, 2),
        (2, 4),
        (1, 3),
        (3, 5),
    ]
    assert [(row["label_0"], row["both_bad"]) for row in found] == [(1, False), (0, False), (0.5, False), (0.5, True)]
    review.load()
    review.press("c")
    assert review.one("#pair-caption").text == "All pairs are compared."


def test_a_vote_waits_for_the_server(review: Review) -> None:
    review.browser.execute_script(
        "window.answered = window.fetch; window.fetch = async () => { throw new Error('away'); }"
    )
    review.press("4")
    review.until(lambda: review.one("#trouble").is_displayed())
    assert read_feedback(review.run, "ratings").num_rows == 0
    review.browser.execute_script("window.fetch = window.answered")
    assert review.votes("ratings", 1)[0]["stars"] == 4
    review.until(lambda: not review.one("#trouble").is_displayed())
    time.sleep(0.1)
    assert read_feedback(review.run, "ratings").num_rows == 1
