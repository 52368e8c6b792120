"""The brand kit: fonts, colours, logos and the smallest type of a brand, from a YAML file."""

import hashlib
import io
from pathlib import Path
from typing import Annotated

from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from tasks.layout.contrast import LARGE, TEXT, Colour, contrast, parse_colour, to_hex
from tasks.layout.fonts import FontFile, find_font
from tasks.layout.look import Logo, Look
from tasks.layout.template import Template
from tasks.loading.yaml_files import fill, load_yaml
from tasks.runfolder.errors import BadInput

COLOURS = ("light", "dark", "primary", "accent")
"""Colours that every kit has: text is light or dark, panels are primary, buttons accent."""


class Fonts(BaseModel):
    """Fonts by weight, each with those that stand in for characters that it lacks."""

    model_config = ConfigDict(extra="forbid")

    regular: Annotated[list[str], Field(min_length=1)]
    bold: Annotated[list[str], Field(min_length=1)]


class Logos(BaseModel):
    """Files with alpha, PNG or WebP: one that is light, one that is dark."""

    model_config = ConfigDict(extra="forbid")

    light: str | None = None
    dark: str | None = None


class BrandFile(BaseModel):
    """What a brand kit says."""

    model_config = ConfigDict(extra="forbid")

    name: str
    fonts: Fonts
    colours: dict[str, str]
    logo: Logos = Logos()
    smallest_type: Annotated[int, Field(ge=6, le=200)] = 12
    """In pixels; type never gets smaller, a text that does not fit then is quarantined."""
    tone: str = ""
    """For prompts, as {{tone}}."""
    tint: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How far a picture's colours are drawn towards the primary one."""


class BrandKit:
    """A brand kit whose files have been opened.

    Attributes:
        digest: of everything in it that shapes an ad.

    Raises:
        BadInput: the file, a font, a logo or a colour cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.file = fill(BrandFile, load_yaml(path), str(path))
        colours = _colours(self.file, path)
        regular, bold = (
            _fonts(getattr(self.file.fonts, weight), f"{path}: fonts.{weight}", path.parent)
            for weight in ("regular", "bold")
        )
        paths = [path.parent / name for name in (self.file.logo.light, self.file.logo.dark) if name]
        logos = tuple(_logo(logo, path) for logo in paths)
        self.look = Look(regular, bold, colours, logos, self.file.smallest_type)
        content = [path, *paths, *(Path(font.path) for font in (*regular, *bold))]
        self.digest = hashlib.sha256(b"".join(_digest(file) for file in content)).hexdigest()
        self._path = path

    def check_panels(self, templates: list[Template]) -> None:
        """Raises BadInput if a template's panel hides every logo, or asks for a colour that the kit lacks."""
        asked = {template.panel for template in templates} | {
            box.colour for template in templates for box in template.boxes if box.kind in {"button", "badge"}
        }
        for name in sorted(asked - set(self.look.colours)):
            raise BadInput(f"{self._path}: colours: a template asks for {name!r}, which is missing; add it.")
        for name in {template.panel for template in templates if template.picture != "whole"}:
            panel = self.look.colours[name]
            best = max((contrast(logo.colour, panel) for logo in self.look.logos), default=LARGE)
            if best < LARGE:
                raise BadInput(
                    f"{self._path}: logo: on the panel's colour {name} {to_hex(panel)} no logo has a contrast of "
                    f"{LARGE} (the best is {best:.1f}); give a logo in another colour."
                )


def _colours(file: BrandFile, path: Path) -> dict[str, Colour]:
    colours = {}
    for name, text in file.colours.items():
        try:
            colours[name] = parse_colour(text)
        except ValueError as error:
            raise BadInput(f"{path}: colours.{name}: {error}") from error
    for name in COLOURS:
        if name not in colours:
            raise BadInput(f"{path}: colours: {name!r} is missing; a kit has {', '.join(COLOURS)}.")
    for name, colour in colours.items():
        best = max(contrast(colours[text], colour) for text in ("light", "dark"))
        if name not in {"light", "dark"} and best < TEXT:
            raise BadInput(
                f"{path}: colours.{name} {to_hex(colour)}: neither light {to_hex(colours['light'])} nor dark "
                f"{to_hex(colours['dark'])} text reaches a contrast of {TEXT} on it (the best is {best:.1f}); "
                "change one."
            )
    return colours


def _fonts(names: list[str], where: str, folder: Path) -> tuple[FontFile, ...]:
    try:
        return tuple(find_font(name, folder) for name in names)
    except ValueError as error:
        raise BadInput(f"{where}: {error}") from error


def _logo(path: Path, kit: Path) -> Logo:
    if path.suffix.lower() == ".svg":
        raise BadInput(f"{kit}: logo {path.name}: SVG is not drawn here; export it as a PNG with alpha.")
    try:
        logo = Image.open(io.BytesIO(path.read_bytes())).convert("RGBA")
    except OSError as error:
        what = "is not a picture" if isinstance(error, UnidentifiedImageError) else "cannot be read"
        raise BadInput(f"{kit}: logo {path.name} {what} ({error}).") from error
    box = logo.getbbox()
    if box is None or logo.getchannel("A").getextrema()[1] == 0:
        raise BadInput(f"{kit}: logo {path.name} is transparent everywhere; export it anew.")
    return Logo(logo.crop(logo.getchannel("A").getbbox() or box))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
