"""Rows are cleaned, cut into tagged words, or refused with a reason; no row touches another."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from tasks.text import preprocess as module
from tasks.text.preprocess import Prepared, PreprocessOptions, Rejected, preprocess
from tasks.text.segment import script_runs, segment

BEACH = "阳光明媚，沙滩上有一对情侣散步，海浪轻轻拍打着海岸线。"
UNIVERSAL = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
}
MANY = [
    BEACH,
    "美丽的海滩",
    "a sunny beach with a couple strolling, waves lapping the shore",
    "an astronaut riding a horse on mars, highly detailed, 8k",
    "don't draw people; just an empty street in New York City",
    "一只cute的cat坐在sofa上",
    "8K超高清，HDR效果，iPhone 15拍摄，3只猫",
    "👨‍👩‍👧 on the beach 🏖️ at 5 pm",
    "Кошка сидит на диване",
    "猫がソファに座っている",
    "2024",
]


def one(row: object, **options: object) -> Prepared:
    (result,) = preprocess([row], PreprocessOptions.model_validate(options))
    assert isinstance(result, Prepared), result
    return result


def reason(row: object) -> str:
    (result,) = preprocess([row], PreprocessOptions())
    assert isinstance(result, Rejected), result
    return result.reason


def test_founding_example() -> None:
    row = one(BEACH)
    assert row.text == row.encoder_text == BEACH
    assert row.language == "zh"
    assert " ".join(row.tokens) == "阳光明媚 ， 沙滩 上 有 一对 情侣 散步 ， 海浪 轻轻 拍打 着 海岸线 。"
    tags = dict(zip(row.tokens, row.pos, strict=True))
    assert (tags["沙滩"], tags["拍打"], tags["着"], tags["。"]) == ("NOUN", "VERB", "AUX", "PUNCT")
    assert row.keywords == ["阳光明媚", "沙滩", "情侣", "散步", "海浪", "拍打", "海岸线"]


def test_english_sentence() -> None:
    row = one("The two red apples are lying on a wooden table, and a red cat sleeps in Paris.")
    assert row.language == "en"
    tags = dict(zip(row.tokens, row.pos, strict=True))
    assert (tags["The"], tags["two"], tags["red"], tags["apples"], tags["are"]) == ("DET", "NUM", "ADJ", "NOUN", "AUX")
    assert (tags["lying"], tags["on"], tags["and"], tags["Paris"]) == ("VERB", "ADP", "CCONJ", "PROPN")
    assert row.keywords == ["red", "apples", "lying", "wooden", "table", "cat", "sleeps", "Paris"]


def test_chinese_adjectives_and_names_get_their_own_tags() -> None:
    row = one("美丽可爱的小女孩在北京高兴地看大海")
    tags = dict(zip(row.tokens, row.pos, strict=True))
    assert (tags["美丽"], tags["可爱"], tags["高兴"]) == ("ADJ", "ADJ", "ADJ")
    assert (tags["北京"], tags["大海"], tags["在"]) == ("PROPN", "NOUN", "ADP")


def test_both_languages_in_one_sentence() -> None:
    row = one("一只cute的cat坐在sofa上")
    assert row.language == "mixed"
    assert list(zip(row.tokens, row.pos, strict=True))[1:4] == [("cute", "ADJ"), ("的", "PART"), ("cat", "NOUN")]
    assert {"cute", "cat", "sofa"} <= set(row.keywords)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("赛博朋克风格的城市，8K，超细节，HDR", "zh"),
        ("a portrait of 李白 drinking wine under the moon at night", "en"),
        ("Кошка сидит на диване", "other"),
        ("猫がソファに座っている", "ja"),
        ("🐱🌊", "other"),
        ("2024", "other"),
    ],
)
def test_language_by_script(text: str, language: str) -> None:
    assert one(text).language == language


def test_content_words_are_what_the_encoder_sees_when_asked() -> None:
    row = one("A cat and a Cat with an empty cup 🐱", text="content-words")
    assert row.text == "A cat and a Cat with an empty cup 🐱"
    assert row.encoder_text == "cat empty cup 🐱"
    assert one(BEACH, text="content-words").encoder_text == "阳光明媚 沙滩 情侣 散步 海浪 拍打 海岸线"


@pytest.mark.parametrize("text", ["what is it?", "2024", "Кошка сидит", "猫がソファに座っている"])
def test_text_without_content_words_or_tagger_is_seen_in_full(text: str) -> None:
    assert one(text, text="content-words").encoder_text == text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a\tred\r\n\n cat　here ", "a red cat here"),
        ("cafe\u0301", "café"),
        ("ＡＢＣ１２３，［ａ］", "ABC123，［a］"),
        ("你好，世界！（½ ²）", "你好，世界！（½ ²）"),
        ("\ufeffa\u200b cat\u00ad\u202e", "a cat"),
        ("a \x07red\x1b\x7f\x92 cat\ufffe", "a red cat"),
        ("👨‍👩‍👧 می‌خواهم", "👨‍👩‍👧 می‌خواهم"),
        ("caf\ufffd at night", "caf\ufffd at night"),
    ],
)
def test_text_is_cleaned(raw: str, clean: str) -> None:
    assert one(raw).text == clean


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\ufeff", "\u3000", "\x07"])
def test_blank_row_is_empty(text: str) -> None:
    assert reason(text) == "The text is empty."


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_absent_value_is_missing(value: object) -> None:
    assert reason(value) == "The text is missing."


@pytest.mark.parametrize(
    ("value", "kind"), [(3, "int"), (1.5, "float"), (b"cat", "bytes"), (["cat"], "list"), ({}, "dict")]
)
def test_what_is_not_text_is_refused_by_its_type(value: object, kind: str) -> None:
    assert f"of the type {kind}:" in reason(value)


def test_string_of_numpy_is_text() -> None:
    assert type(one(np.str_("a cat")).text) is str


@pytest.mark.parametrize("text", ["!!!", "，。！？", "…—–", "\"' '\"", "\ufffd\ufffd", "\u0301", "+ = <"])
def test_signs_alone_are_no_text(text: str) -> None:
    assert reason(text).startswith("The text has no words, only ")


def test_emoji_alone_are_text() -> None:
    row = one("🐱 🏖️👨‍👩‍👧🇫🇷1️⃣")
    assert row.tokens[:4] == ["🐱", "🏖️", "👨‍👩‍👧", "🇫🇷"] == row.keywords
    assert row.pos[:4] == ["SYM"] * 4


@pytest.mark.parametrize(
    ("text", "what"), [("a\0b", "a NUL at character 2"), ("ab\ud83d", "surrogate pair at character 3")]
)
def test_damaged_text_is_refused(text: str, what: str) -> None:
    assert what in reason(text)


def test_too_long_row_is_refused_at_once_with_its_length() -> None:
    start = time.process_time()
    assert reason("字" * 100_000).startswith("The text has 100,000 characters, more than the 2,000 allowed: shorten it")
    assert reason("word " * 1_000_000).startswith("The text has 5,000,000 characters")
    assert time.process_time() - start < 0.5
    assert one("a " * 1000).tokens == ["a"] * 1000
    assert isinstance(preprocess(["a cat"], PreprocessOptions(max_characters=4))[0], Rejected)


def test_every_row_has_its_answer_in_order() -> None:
    rows = ["a cat", None, "a cat", "", "一只猫", 7]
    results = preprocess(rows, PreprocessOptions())
    assert [isinstance(result, Rejected) for result in results] == [False, True, False, True, False, True]
    assert preprocess([], PreprocessOptions()) == []


def test_row_does_not_depend_on_its_neighbours() -> None:
    alone = [one(text) for text in MANY]
    assert preprocess(MANY, PreprocessOptions()) == alone
    assert preprocess(MANY[::-1] * 30, PreprocessOptions()) == alone[::-1] * 30


def test_threads_do_not_disturb_one_another() -> None:
    alone = [one(text) for text in MANY]
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: preprocess(MANY * 5, PreprocessOptions()), range(8)):
            assert made == alone * 5


def test_equal_texts_are_worked_on_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def spy(texts: list[str]) -> list[list[tuple[str, str]]]:
        seen.extend(texts)
        return segment(texts)

    monkeypatch.setattr(module, "segment", spy)
    preprocess(["a cat", " a  cat", "a dog", "a cat"], PreprocessOptions())
    assert seen == ["a cat", "a dog"]


@pytest.mark.parametrize(
    "text", [*MANY, "!8K猫", '"A cat," she said.', "a\u0301b猫", "猫 8 K", "😀8K", "1", "«Кошка» и cat"]
)
def test_no_character_is_lost_and_every_tag_is_universal(text: str) -> None:
    runs = script_runs(text)
    assert "".join(piece for _, piece in runs) == text
    (words,) = segment([text])
    assert "".join(word for word, _ in words) == "".join(text.split())
    assert {tag for _, tag in words} <= UNIVERSAL


def test_runs_of_scripts() -> None:
    assert script_runs("“猫8K，iPhone 15拍”🐱!") == [
        ("han", "“猫"),
        ("latin", "8K，iPhone 15"),
        ("han", "拍”"),
        ("emoji", "🐱"),
        ("sign", "!"),
    ]


def test_random_characters_never_raise_nor_get_lost() -> None:
    generator = np.random.default_rng(0)
    pools = [
        range(0x20, 0x7F),
        range(0x4E00, 0x4F00),
        range(0x1F300, 0x1F650),
        range(0x80, 0x3100),
        range(0x10000, 0x10400),
    ]
    for _ in range(100):
        pool = np.concatenate([np.array(pools[i]) for i in generator.integers(0, len(pools), 2)])
        text = "".join(map(chr, generator.choice(pool, generator.integers(1, 60))))
        (result,) = preprocess([text], PreprocessOptions())
        if isinstance(result, Prepared):
            assert "".join(result.tokens) == "".join(result.text.split())
            assert len(result.tokens) == len(result.pos)
