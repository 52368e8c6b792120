"""A real browser, and what a person does in it with a run's page."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
    "window-size=1280,900",
)


@contextmanager
def running(profile: Path) -> Iterator[webdriver.Chrome]:
    """Chromium without a window."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.fail("These tests need a browser: apt-get update && apt-get install -y chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driven = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield driven
    finally:
        driven.quit()


class Page:
    """What a person does with the report and what it shows."""

    def __init__(self, browser: webdriver.Chrome, address: str) -> None:
        self.browser = browser
        browser.get_log("browser")  # of an earlier page
        browser.get(address)
        self.until(lambda: self.script("return document.documentElement.dataset.ready"))

    def script(self, code: str, *arguments: object) -> Any:
        return self.browser.execute_script(code, *arguments)

    def until(self, true: Callable[[], object]) -> None:
        WebDriverWait(self.browser, 20, 0.02).until(lambda _: true())

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def tiles(self) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, "#grid button")

    def names(self) -> list[str]:
        return [tile.text for tile in self.tiles()]

    @property
    def count(self) -> str:
        return self.one("#count").text

    def search(self, text: str) -> None:
        self.one("#query").send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE, text)

    def status(self, value: str) -> None:
        self.one(f"label:has(input[value={value}])").click()

    def open(self, number: int) -> None:
        self.tiles()[number].click()
        self.until(self.is_open)

    def is_open(self) -> bool:
        return self.one("#dialog").is_displayed()

    def choose(self, control: str, text: str) -> None:
        Select(self.one(f"#{control}")).select_by_visible_text(text)

    def columns(self) -> dict[str, str]:
        names = self.browser.find_elements(By.CSS_SELECTOR, "#columns dt")
        values = self.browser.find_elements(By.CSS_SELECTOR, "#columns dd")
        return {name.text: value.text for name, value in zip(names, values, strict=True)}

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def focused(self) -> str:
        return str(self.script("return document.activeElement.closest('li')?.dataset.position"))

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]
