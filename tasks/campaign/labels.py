"""Labels of AI-generated content: IPTC's digital source type and China's GB 45438-2025 in XMP, and a visible mark."""

import json
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

Labels = Literal["by-region", "iptc", "cn", "all", "none"]
Source = Literal["generated", "given"]
DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = {"generated": "compositeWithTrainedAlgorithmicMedia", "given": "composite"}
"""Every ad is a composite; `generated`: its picture was made by a model."""
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
AIGC = "http://www.tc260.org.cn/ns/AIGC/1.0/"
MARKS = {"zh": "AI生成", "ja": "AI生成", "ar": "أُنشئ بالذكاء الاصطناعي", "de": "KI-generiert", "fr": "Généré par IA"}


def mark_text(language: str) -> str:
    """The visible mark in a language."""
    return MARKS.get(language.split("-", maxsplit=1)[0], "AI-generated")


def xmp_packet(source: Source, labels: Labels, region: str, producer: str, id: str) -> bytes:
    """The XMP of an ad; empty if no label applies.

    Args:
        region: of the placement; `by-region` writes China's label for `cn` alone.
        producer: who generated the content, as GB 45438 wants it; id: of the ad.
    """
    iptc = labels in {"by-region", "iptc", "all"}
    china = source == "generated" and (labels in {"cn", "all"} or (labels == "by-region" and region == "cn"))
    if not (iptc or china):
        return b""
    attributes, elements = "", ""
    if iptc:
        attributes += f" xmlns:Iptc4xmpExt={quoteattr(IPTC)}"
        elements += (
            f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE}{SOURCE_TYPE[source]}</Iptc4xmpExt:DigitalSourceType>"
        )
    if china:
        attributes += f" xmlns:TC260={quoteattr(AIGC)}"
        elements += f"<TC260:AIGC>{escape(aigc_json(producer, id))}</TC260:AIGC>"
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    )
    return packet.encode("utf-8")


def aigc_json(producer: str, id: str) -> str:
    """The JSON of GB 45438-2025: `Label` 1 says that the content is generated."""
    values = {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps(values, ensure_ascii=False)
