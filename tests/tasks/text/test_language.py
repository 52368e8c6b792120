"""The language of a text, also of short ones."""

import pytest

from tasks.text.language import language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a red apple", "en"),
        ("SALE", "en"),
        ("croissant", "en"),
        ("roller skate", "en"),
        ("John Smith", "en"),
        ("un chat noir", "fr"),
        ("una manzana roja", "es"),
        ("zwei Hunde am Strand", "de"),
        ("kırmızı elma", "tr"),
        ("赤い リンゴ", "ja"),
        ("桜 の 花", "ja"),
        ("빨간 사과", "ko"),
        ("红 苹果", "zh"),
        ("красное яблоко", "other"),
        ("2024", "other"),
    ],
)
def test_of_short_texts(text: str, code: str) -> None:
    assert language(text.split()) == code
