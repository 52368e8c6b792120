"""A brand, pictures and a product table for tests of campaigns."""

import csv
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, ImageDraw

FONTS = {
    "regular": ["Figtree[wght].ttf@500", "NotoSansArabic[wdth,wght].ttf@500", "NotoSansCJK-Regular.ttc#2"],
    "bold": ["Figtree[wght].ttf@800", "NotoSansArabic[wdth,wght].ttf@800", "NotoSansCJK-Bold.ttc#2"],
}
COLOURS = {"light": "#FFFFFF", "dark": "#101828", "primary": "#1B2A6B", "accent": "#FFB703"}
COPY = {
    "headline_en": "Silence, wherever you go",
    "headline_zh": "走到哪里，都很安静",
    "headline_ar": "الهدوء أينما ذهبت",
    "text_en": "Forty hours of music on one charge.",
    "text_zh": "一次充电，四十小时音乐。",
    "text_ar": "أربعون ساعة من الموسيقى بشحنة واحدة.",
    "price_en": "$199",
    "price_zh": "¥1299",
    "price_ar": "749 ر.س",
    "call_to_action_en": "Listen now",
    "call_to_action_zh": "立即试听",
    "call_to_action_ar": "استمع الآن",
}


def write_logo(path: Path, colour: str, alpha: int = 255) -> None:
    logo = Image.new("RGBA", (240, 60), (0, 0, 0, 0))
    red, green, blue = Image.new("RGB", (1, 1), colour).getpixel((0, 0))  # type: ignore[misc]
    ImageDraw.Draw(logo).rounded_rectangle((5, 5, 230, 55), 20, (red, green, blue, alpha))
    logo.save(path)


def write_brand(folder: Path, **changes: object) -> Path:
    """A brand kit with its logos; `changes` replace or, if None, take away what it says."""
    write_logo(folder / "light.png", "white")
    write_logo(folder / "dark.png", "#101828")
    kit = {
        "name": "Lumen",
        "fonts": FONTS,
        "colours": COLOURS,
        "logo": {"light": "light.png", "dark": "dark.png"},
        "smallest_type": 9,
        **changes,
    }
    path = folder / "brand.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in kit.items() if value is not None}))
    return path


def picture(width: int = 900, height: int = 700, noise: int = 0, seed: int = 0) -> Image.Image:
    """A calm picture with one thing in it."""
    sky = np.linspace((120, 180, 240), (235, 240, 245), height)[:, None].repeat(width, 1)
    draw = np.random.default_rng(seed)
    pixels = (sky + draw.normal(0, noise, sky.shape)).clip(0, 255) if noise else sky
    made = Image.fromarray(pixels.astype(np.uint8))
    middle, edge = (int(width * 0.55), int(height * 0.6)), min(width, height) // 7
    box = (middle[0] - edge, middle[1] - edge, middle[0] + edge, middle[1] + edge)
    ImageDraw.Draw(made).ellipse(box, fill=(200, 40, 40))
    return made


def write_products(folder: Path, count: int = 2, **columns: str) -> Path:
    """A table of products, each with a picture of its own; `columns` replace their copy."""
    rows = []
    for number in range(count):
        name = f"p{number}.jpg"
        picture(900 + 40 * number, 700).save(folder / name, quality=92)
        rows.append({"product": f"lamp {number}", "image": name, "shelf": str(number), **COPY, **columns})
    path = folder / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_job(folder: Path, count: int = 2, copy: dict[str, str] | None = None, **options: object) -> Path:
    """A campaign with pictures of its own, as a YAML file."""
    write_products(folder, count, **(copy or {}))
    write_brand(folder)
    job = {"products": "products.csv", "brand": "brand.yaml", "languages": ["en", "zh", "ar"], **options}
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump(job, allow_unicode=True), "utf-8")
    return path
