"""Prompts for benchmarks: half English, half Chinese, of realistic lengths, mostly distinct."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

REPEATED = 0.02  # share of rows that repeat the text of an earlier one
# A name, a sentence, or a description with style and light: how many of each in ten.
KINDS = ("name", "sentence", "sentence", "sentence", "sentence", "sentence", "sentence", "long", "long", "long")

ENGLISH = {
    "thing": "a red fox|an old sailing boat|two children|a hot air balloon|a castle|a cup of coffee|three sheep|a train"
    "|a lighthouse|a penguin|a guitar|a bowl of ramen|an astronaut|a palm tree|a black cat|a birthday cake"
    "|a camel|a bicycle|a whale|a snowman|a bunch of tulips|a robot|an owl|a couple|a fishing village"
    "|a sports car",
    "place": "on a sunny beach|at the foot of snowy mountains|in a pine forest|in the middle of a busy city|on a meadow"
    "|beside a quiet river|in the desert|above the clouds|on a table by the window|under a bridge|in a harbour",
    "time": "at sunset|in the early morning|on a rainy afternoon|under a starry sky|in winter|at noon|in thick fog",
    "more": "with soft waves rolling ashore|while leaves drift slowly past|and a small dog watching from a distance"
    "|surrounded by wild flowers|with long shadows on the ground|reflected in still water"
    "|next to a wooden fence",
    "style": "watercolour on rough paper|flat vector illustration, bold outlines"
    "|cinematic light, shallow depth of field|oil painting with thick brush strokes"
    "|pastel colours, highly detailed|isometric view, clean background"
    "|children's book illustration, warm tones|photograph, 35 mm, natural light"
    "|poster for a travel agency, large sky",
}
CHINESE = {
    "thing": "一只红色的狐狸|一艘旧帆船|两个孩子|一只热气球|一座城堡|一杯热咖啡|三只绵羊|一列火车|一座灯塔|一只企鹅"
    "|一把吉他|一碗拉面|一名宇航员|一棵椰子树|一只黑猫|一块生日蛋糕|一头骆驼|一辆自行车|一条鲸鱼|一个雪人"
    "|一束郁金香|一对情侣|一个渔村",
    "place": "阳光明媚的沙滩上|雪山脚下|松树林里|繁忙的城市中心|草地上|安静的河边|沙漠里|云层之上|窗边的桌子上|桥下"
    "|港口",
    "time": "日落时分|清晨|下雨的午后|星空下|冬天|正午|浓雾中",
    "more": "海浪轻轻拍打着海岸线|落叶缓缓飘过|一只小狗在远处张望|周围开满了野花|地上拖着长长的影子|倒映在平静的水面上"
    "|旁边是一道木栅栏",
    "style": "水彩画，粗糙的纸面|扁平矢量插画，粗线条|电影般的光线，浅景深|油画，厚重的笔触|柔和的色彩，细节丰富"
    "|等距视角，干净的背景|童书插画，温暖的色调|照片，自然光|旅行社的海报，大片天空",
}


def _text(draw: random.Random, chinese: bool) -> str:
    words = {name: choices.split("|") for name, choices in (CHINESE if chinese else ENGLISH).items()}
    thing, place, time, more, style = (draw.choice(choices) for choices in words.values())
    other = draw.choice(words["thing"])
    kind = draw.choice(KINDS)
    if chinese:
        name = f"{thing}和{other}"
        sentence = f"{time}，{place}有{thing}，{more}"
        return {"name": name, "sentence": f"{sentence}。", "long": f"{sentence}，旁边还有{other}。{style}。"}[kind]
    name = f"{thing} and {other}"
    sentence = f"{thing} {place} {time}, {more}"
    return {"name": name, "sentence": sentence, "long": f"{sentence}, and {other} nearby; {style}"}[kind]


def write_prompts(path: Path, rows: int, seed: int = 0, only_chinese: bool = False) -> None:
    """Writes `rows` prompts as Parquet: id, text, seed, and a column to carry through.

    Args:
        only_chinese: rather than every other one; they need no spaCy, which is large.
    """
    draw = random.Random(seed)
    texts: list[str] = []
    for number in range(rows):
        texts.append(
            draw.choice(texts) if texts and draw.random() < REPEATED else _text(draw, only_chinese or number % 2 == 1)
        )
    columns = {
        "id": [f"prompt-{number:06d}" for number in range(rows)],
        "text": texts,
        "seed": [draw.randrange(2**32) for _ in range(rows)],
        "campaign": [draw.choice(("spring", "winter")) for _ in range(rows)],
    }
    pq.write_table(pa.table(columns), path)
