"""The job of `campaign`: products, brand, placements and languages, and how the pictures behind the ads are made."""

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Self

from pydantic import Field, field_validator

from flows.jobs.local import Place
from flows.jobs.render import RenderJob, RenderRunOptions, at_day
from flows.jobs.strict import StrictJob
from tasks.campaign.grid import Combine
from tasks.campaign.labels import Labels
from tasks.campaign.pictures import FOLDER
from tasks.campaign.placements import Format
from tasks.enhance.options import EnhanceOptions
from tasks.render.options import MOST_GUIDANCE, MOST_STEPS, GenerateOptions
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import check_out

_OF_PICTURES = {*GenerateOptions.model_fields, *EnhanceOptions.model_fields, "negative_text", "guidance", "steps"}


class CampaignOptions(GenerateOptions, EnhanceOptions, RenderRunOptions):
    """All options of `campaign` except its input and output."""

    placements: Annotated[list[str], Field(min_length=1)] = Field(default=["meta-square"])
    """Placements by name; --list-placements prints them."""
    placement_file: str | None = None
    """A YAML file of placements of your own, which add to those of this package or change them."""
    languages: Annotated[list[str], Field(min_length=1)] = Field(default=["en"])
    """Languages of the copy, as BCP 47 tags; column `headline_zh` is the headline in zh, `headline` that in all."""
    audiences: dict[str, dict[str, str]] = Field(default={"everyone": {}})
    """Audiences by name, each with columns of its own for prompt and copy."""
    prompt: str = "{{product}}"
    """Prompt of the pictures: {{column}}, choices {a|b}, __file__ for a line of file.txt beside the products."""
    product_column: str = "product"
    """The column that names a product."""
    combine: Combine = "grid"
    """grid: every product for every audience, placement and language; zip: side by side."""
    names: str = "{{product}}_{{audience}}_{{placement}}_{{language}}"
    """File names, without suffix."""
    templates: str | None = None
    """A folder of layout templates (YAML) of your own, which come before those of this package."""
    format: Format | None = None
    """Format of the files; by default the first that the placement takes."""
    labels: Labels = "by-region"
    """Labels of AI-generated content in XMP: iptc, cn (GB 45438-2025), all, none; by-region: iptc, and cn for China."""
    visible_mark: bool = False
    """Also put a visible mark on ads with a generated picture."""
    producer: str = "imagemill"
    """Who generates the content, for the labels."""
    certificate: str | None = None
    """Sign files with C2PA: PEM file of the certificate chain."""
    key: str | None = None
    """PEM file of its private key (ES256)."""
    picture_edge: Annotated[int, Field(ge=64, le=2048)] = 768
    """Edge in pixels of a square generated picture; others have as many pixels."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of pictures and of choices in prompts."""
    negative_text: str | None = None
    """What is to be kept out of the pictures; for diffusers checkpoints that know such a thing."""
    guidance: Annotated[float | None, Field(ge=0, le=MOST_GUIDANCE)] = None
    """How closely a diffusers checkpoint follows the prompt."""
    steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """Denoising steps of a diffusers checkpoint."""
    shard_size: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """Ads per shard, the unit of work and retry; by default 24."""

    @field_validator("placements", "languages")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name!r} stands there twice; once is enough")
        return names


class CampaignJob(StrictJob, CampaignOptions):
    """Products and copy in, finished ads out."""

    products: Place
    """The table of products and copy: Parquet, CSV or JSON, local or s3://."""
    brand: Place
    """The brand kit, a YAML file on this machine."""
    out: Place
    """The run folder, local or s3://; {date} is the day in the schedule's time zone, else in UTC."""

    def dated(self, day: date) -> "CampaignJob":
        """The job with `{date}` in its paths filled in."""
        return self.model_copy(update={"products": at_day(self.products, day), "out": at_day(self.out, day)})

    @property
    def title(self) -> str:
        """Input and output in a few words."""
        return f"{PurePath(self.products).name} to {self.out}{self.addition}"

    def checked(self) -> Self:
        """The job, if its options fit together and its run folder may be written to. Raises BadInput."""
        super().checked()
        if (self.certificate is None) != (self.key is None):
            raise BadInput("--certificate and --key belong together; give both, or neither.")
        check_out(self.out)
        return self

    def shaping(self) -> dict[str, Any]:
        """The options that determine the results; a run can only be resumed with the same ones."""
        outside = {"products", "brand", "out", "placement_file", "templates", "certificate", "key", "shard_size"}
        return self.model_dump(mode="json", exclude={*outside, *RenderRunOptions.model_fields})

    def render_job(self, prompts: str) -> RenderJob:
        """The job that generates the pictures. Where several runs share the folder, they share the pictures' too."""
        run = self.model_dump(include=set(RenderRunOptions.model_fields))
        shared = {"join": self.join or self.part[1] > 1, "partition": "1/1", "max_failures": None, "report": False}
        pictures = self.model_dump(include=_OF_PICTURES)
        out = f"{self.out.rstrip('/')}/{FOLDER}"
        return RenderJob(prompts=prompts, out=out, seed=self.seed, **{**pictures, **run, **shared})
