"""Finished ads a second from existing pictures, beside the same layouts taken from headless Chromium.

    python -m benchmarks.campaign                    # 1,000 ads on two lanes; Chromium: 60 of them in two browsers

Ours is the command as a whole: layout, encoding, checks, writing. Chromium gets finished layouts (the boxes, sizes and
lines of ours) as one HTML page an ad, and takes a JPEG of the same size and quality; it decides and checks nothing.
Both run on the same machine one after the other, start-up excluded; processor time depends least on what else runs.
Needs chromium and chromedriver.
"""

import base64
import html
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import yaml
from cyclopts import run as command
from PIL import Image
from rich.console import Console
from rich.table import Table
from selenium import webdriver

PLACEMENTS = ["google-landscape", "google-300x250", "google-728x90", "meta-square", "meta-story"]
COPY = {
    "headline_en": "Silence, wherever you go",
    "headline_zh": "走到哪里，都很安静",
    "text_en": "Forty hours of music on one charge.",
    "text_zh": "一次充电，四十小时音乐。",
    "call_to_action_en": "Listen now",
    "call_to_action_zh": "立即试听",
}
BRAND = Path(__file__).parents[1] / "examples/campaign/brand.yaml"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")


def write_campaign(folder: Path, pictures: Path | None, ads: int) -> Path:
    """A campaign of `ads` ads (or a few more) with pictures of one's own, or of scikit-image."""
    from skimage import data

    names = [str(path) for path in sorted(pictures.glob("*.jpg"))] if pictures else []
    if not names:
        for name in ("astronaut", "coffee", "chelsea", "rocket"):
            Image.fromarray(getattr(data, name)()).save(folder / f"{name}.jpg", quality=92)
            names.append(f"{name}.jpg")
    products = -(-ads // (len(PLACEMENTS) * 2))
    rows = [{"product": f"p{number}", "image": names[number % len(names)], **COPY} for number in range(products)]
    pd.DataFrame(rows).to_csv(folder / "products.csv", index=False)
    job = {"products": "products.csv", "brand": str(BRAND), "languages": ["en", "zh"], "placements": PLACEMENTS}
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump({**job, "format": "jpeg"}))
    return path


def measure_ours(job: Path, out: Path, lanes: int) -> tuple[int, float, float]:
    """Ads made, seconds from the first shard to the last, and the most memory of all processes together in MB."""
    line = [sys.executable, "-m", "flows", "campaign", str(job), "--out", str(out), "--lanes", str(lanes), "--json"]
    most = 0.0
    with (out.parent / "summary.json").open("w+") as answer:
        process = psutil.Popen([*line, "--no-report"], stdout=answer, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            most = max(most, sum(_resident(each) for each in (process, *process.children(recursive=True))))
            time.sleep(0.5)
        answer.seek(0)
        summary = json.loads(answer.read().splitlines()[-1])
    return summary["pictures_made"], summary["seconds_run"], most / 1e6


def processor_ours(job: Path, scratch: Path) -> float:
    """Milliseconds of processor an ad: the stages alone in this process, without start-up."""
    from flows.jobs.campaign import CampaignJob
    from flows.lanes.pending import PendingShard
    from flows.plans.campaign import CampaignPlan
    from flows.stages.campaign import Setting, make_shard, read_shard

    values = yaml.safe_load(job.read_text()) | {"products": str(job.parent / "products.csv")}
    made = CampaignJob(**values, out=str(scratch / "run"))
    plan = CampaignPlan(made, scratch)
    setting, count = Setting(made, plan), 0
    began = time.process_time()
    for shard in plan.of_this_part():
        pending = PendingShard(shard)
        count += len(make_shard(setting, pending, read_shard(setting, pending, None)).items)
    return (time.process_time() - began) / count * 1000


def _processor(drivers: list[webdriver.Chrome]) -> float:
    """Seconds of processor that browsers have used so far, with their drivers."""
    parents = [psutil.Process(driver.service.process.pid) for driver in drivers]
    times = [each.cpu_times() for parent in parents for each in (parent, *parent.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def page(ad: dict[str, object], picture: Path) -> str:
    """An ad as HTML: its picture, and the lines of each text where ours has them."""
    boxes = json.loads(str(ad["boxes"]))
    texts = "".join(
        f'<div style="position:absolute;left:{box["box"][0]}px;top:{box["box"][1]}px;font:{box["size"]}px Figtree,'
        f'Noto Sans CJK SC,sans-serif;line-height:1.22;color:#fff">{"<br>".join(map(html.escape, box["lines"]))}</div>'
        for box in boxes.values()
        if "lines" in box
    )
    return (
        f'<body style="margin:0;background:#1B2A6B"><img src="{picture.as_uri()}" style="position:absolute;width:'
        f'{ad["width"]}px;height:{ad["height"]}px;object-fit:cover">{texts}</body>'
    )


def measure_chromium(run: Path, pictures: Path, count: int, browsers: int, scratch: Path) -> tuple[float, float]:
    """Ads a second, and milliseconds of processor an ad."""
    tables = [pd.read_parquet(path) for path in sorted((run / "metadata").glob("*.parquet"))]
    ads = pd.concat(tables).head(count).to_dict("records")
    pages = []
    for number, ad in enumerate(ads):
        path = scratch / f"{number}.html"
        path.write_text(page(ad, (pictures / str(ad["picture"])).resolve()), "utf-8")
        pages.append((path, ad))
    drivers = [_browser(scratch / f"browser{i}") for i in range(browsers)]
    try:
        for driver in drivers:
            _shot(driver, *pages[0])
        used, began = _processor(drivers), time.perf_counter()
        with ThreadPoolExecutor(browsers) as pool:
            parts = [pages[i::browsers] for i in range(browsers)]
            done = pool.map(lambda pair: [_shot(pair[0], *one) for one in pair[1]], zip(drivers, parts, strict=True))
            made = sum(len(part) for part in done)
        seconds = time.perf_counter() - began
        return made / seconds, (_processor(drivers) - used) / made * 1000
    finally:
        for driver in drivers:
            driver.quit()


def _browser(profile: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver") or ""))


def _shot(driver: webdriver.Chrome, path: Path, ad: dict[str, object]) -> int:
    """The bytes of a JPEG of the ad's size."""
    size = {"width": ad["width"], "height": ad["height"], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(path.as_uri())
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "jpeg", "quality": int(str(ad["quality"]))})
    return path.with_suffix(".jpg").write_bytes(base64.b64decode(taken["data"]))


def main(ads: int = 1000, sample: int = 60, lanes: int = 2, pictures: Path | None = None) -> None:
    """Measures both ways and prints a table.

    Args:
        ads: how many ours makes; sample: how many of them Chromium takes; lanes: processes of ours, and browsers.
        pictures: a folder of JPEG files; by default photographs of scikit-image.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        job = write_campaign(scratch, pictures, ads)
        made, seconds, memory = measure_ours(job, scratch / "run", lanes)
        theirs, their_ms = measure_chromium(scratch / "run", scratch, sample, lanes, scratch)
        (scratch / "few").mkdir()
        our_ms = processor_ours(write_campaign(scratch / "few", pictures, sample), scratch / "few")
    table = Table(title=f"{made} ads, {lanes} processes each", title_justify="left")
    for name in ("way", "ads a second", "seconds for 1,000", "processor ms an ad", "memory"):
        table.add_column(name, justify="right")
    ours = made / seconds
    table.add_row("imagemill campaign", f"{ours:.1f}", f"{1000 / ours:.0f}", f"{our_ms:.0f}", f"{memory:,.0f} MB")
    table.add_row("headless Chromium", f"{theirs:.1f}", f"{1000 / theirs:.0f}", f"{their_ms:.0f}", "")
    Console().print(table)
    print(f"times as many a second: {ours / theirs:.1f}; by processor: {their_ms / our_ms:.1f}")


if __name__ == "__main__":
    command(main)
