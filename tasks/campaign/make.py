"""Makes the ads of a shard one by one: composes, encodes and checks each, so that one ad's pixels are in memory."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from tasks.campaign.ad_files import SUFFIX, AdFile, encode_ad
from tasks.campaign.checks import check
from tasks.campaign.labels import Source, mark_text, xmp_packet
from tasks.campaign.pictures import Pictures
from tasks.campaign.placements import Placement
from tasks.campaign.recipe import Recipe
from tasks.campaign.shard_state import Ad, AdShard, box_list
from tasks.campaign.signing import SPARED, Signer
from tasks.layout.box import Unfit
from tasks.layout.compose import compose
from tasks.layout.sheet import Composed, Sheet


def make_ads(work: AdShard, recipe: Recipe, pictures: Pictures, signer: Signer | None = None) -> None:
    """Makes every ad; one that cannot be made is quarantined with the sentence that says why."""
    for ad in list(work.items):
        stage = "picture"
        try:
            with work.timed("picture"):
                picture, attention = pictures.of(ad)
            stage = "compose"
            placement = recipe.placements[ad.values["placement"]]
            sheet = sheet_of(placement, recipe, ad)
            with work.timed("compose"):
                composed = compose(
                    picture, attention, recipe.templates, sheet, ad.copy, recipe.brand.look, ad.values["language"]
                )
            stage = "encode"
            with work.timed("encode"):
                file, label = _encode(ad, composed, placement, recipe, signer)
            stage = "check"
            with work.timed("check"):
                check(file, composed, sheet, placement)
        except (Unfit, ValueError) as error:
            work.fail(stage, {ad: _sentence(str(error))})
            continue
        _finish(ad, file, composed, sheet, placement, label, work.shard.name)


def sheet_of(placement: Placement, recipe: Recipe, ad: Ad) -> Sheet:
    """The file to be filled, with the visible mark if it is asked for and the picture was generated."""
    sheet = placement.sheet()
    marked = recipe.visible_mark and ad.generated and sheet.text_share > 0
    return replace(sheet, mark=mark_text(ad.values["language"])) if marked else sheet


def _encode(
    ad: Ad, composed: Composed, placement: Placement, recipe: Recipe, signer: Signer | None
) -> tuple[AdFile, str]:
    format = recipe.format or placement.formats[0]
    if format not in placement.formats:
        raise Unfit(f"{ad.values['placement']} takes {' or '.join(placement.formats)}, not {format}")
    source: Source = "generated" if ad.generated else "given"
    xmp = xmp_packet(source, recipe.labels, placement.region, recipe.producer, ad.name)
    spared = SPARED if signer else 0
    most = None if placement.bytes is None else placement.bytes - spared
    file = encode_ad(composed.image, format, most, xmp, ad.values["placement"])
    if signer is not None:
        file = replace(file, data=signer.sign(file.data, file.format, ad.name, ad.generated))
    return file, ", ".join(name for name, there in (("xmp", xmp), ("c2pa", signer)) if there)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _finish(
    ad: Ad, file: AdFile, composed: Composed, sheet: Sheet, placement: Placement, label: str, shard: str
) -> None:
    """Sets the ad's file and its row of the metadata."""
    shown = {item.spec.copy_of for item in composed.placed}
    texts = [ad.copy[name] for name in ad.copy if name in shown]
    boxes: dict[str, dict[str, Any]] = {
        item.name: {"box": box_list(item.box), "contrast": composed.contrasts.get(item.name)}
        for item in composed.placed
    }
    for item in composed.placed:
        if item.block is not None:
            boxes[item.name] |= {"size": item.block.size, "lines": list(item.block.lines)}
    ad.path = f"images/{shard}/{ad.name}.{SUFFIX[file.format]}"
    ad.file = file.data
    ad.columns = {
        "id": ad.name,
        "row": ad.row,
        "text": "\n".join(text for text in texts if text),
        **{axis: ad.values[axis] for axis in ("product", "audience", "placement", "platform", "language")},
        "image": ad.path,
        "width": sheet.width,
        "height": sheet.height,
        "format": file.format,
        "quality": file.quality,
        "bytes": len(file.data),
        "sha256": sha256(file.data).hexdigest(),
        "template": composed.template,
        "left_out": [name for name, text in ad.copy.items() if text.strip() and name not in shown],
        "picture": ad.picture,
        "prompt": ad.prompt,
        "label": label,
        "contrast": min(composed.contrasts.values(), default=None),
        "veil": composed.veil,
        "text_share": composed.text_share,
        "safe_area": json.dumps(box_list(sheet.safe)),
        "subject": json.dumps(box_list(composed.subject)),
        "boxes": json.dumps(boxes, ensure_ascii=False),
    }
