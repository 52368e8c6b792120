"""What English and Chinese call skies, places, colours and numbers."""

from tasks.datasets.emoji.vocabulary import COLOUR_WORDS, PLACE_NOUNS, PLACE_WORDS, SKY_WORDS


def _by_word(*tables: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {word.lower(): name for table in tables for name, words in table.items() for word in words}


ENGLISH_SKIES = _by_word(
    {sky: (*words[0], *words[1]) for sky, words in SKY_WORDS.items()},
    {
        "sunny": (
            "sunny",
            "sun",
            "sunshine",
            "sunny day",
            "clear sky",
            "clear",
            "daylight",
            "blue sky",
            "bright sunny",
        ),
        "sunset": ("sunset", "dusk", "sundown", "evening", "golden hour", "sunrise", "dawn", "twilight"),
        "night": ("night", "night-time", "nighttime", "night time", "starry night", "midnight", "starry", "moonlight"),
        "rain": ("rain", "raining", "rainy", "rainy day", "storm", "stormy"),
        "snow": ("snow", "snowing", "snowfall", "snowstorm", "snowy day"),
        "cloud": ("cloudy", "overcast", "cloudy day", "grey sky", "grey day"),
    },
)
for _word in ("white", "grey", "wet", "golden", "red", "dark", "orange", "bright"):
    ENGLISH_SKIES.pop(_word, None)  # adjectives that say a colour or a quality, too
ENGLISH_PLACES = _by_word(
    {place: (*words[0], *words[1]) for place, words in PLACE_WORDS.items()},
    {place: nouns[0] for place, nouns in PLACE_NOUNS.items()},
    {
        "beach": ("beach", "seaside", "shore", "coast", "seashore"),
        "sea": ("sea", "ocean", "open sea", "out at sea"),
        "meadow": ("meadow", "grass", "park", "field", "countryside", "lawn", "grassland"),
        "forest": ("forest", "woods", "wood", "jungle"),
        "mountain": ("mountains", "mountain", "alps", "hills"),
        "city": ("city", "city street", "street", "town", "downtown"),
        "desert": ("desert", "dunes"),
        "snowfield": ("snowfield", "snowy field", "snowy landscape", "winter landscape"),
    },
)
for _word in ("waves", "trees", "tall buildings", "dry", "icy", "winter", "dune", "alpine", "wood", "hills"):
    ENGLISH_PLACES.pop(_word, None)
CHINESE_SKIES = _by_word(
    {sky: (*words[2], *words[3]) for sky, words in SKY_WORDS.items()},
    {
        "sunny": ("晴天", "晴", "晴朗", "大晴天", "出太阳", "阳光明媚", "白天", "蓝天"),
        "sunset": ("日落", "夕阳", "黄昏", "傍晚", "晚霞", "日出", "清晨"),
        "night": ("夜晚", "晚上", "夜里", "黑夜", "星空", "夜间", "深夜", "夜景", "夜"),
        "rain": ("下雨", "雨天", "下雨天", "大雨", "小雨", "暴雨"),
        "snow": ("下雪", "雪天", "下雪天", "大雪", "飘雪"),
        "cloud": ("阴天", "多云", "乌云密布", "阴"),
    },
)
CHINESE_PLACES = _by_word(
    {place: words[2] for place, words in PLACE_WORDS.items()},
    {place: nouns[1] for place, nouns in PLACE_NOUNS.items()},
    {
        "beach": ("海边", "沙滩", "海滩", "海岸", "海滨"),
        "sea": ("大海", "海上", "海面", "海里", "海洋"),
        "meadow": ("草地", "草原", "公园", "田野", "草坪"),
        "forest": ("森林", "树林", "丛林", "林子"),
        "mountain": ("山里", "山上", "高山", "雪山", "群山", "山区", "山谷"),
        "city": ("城市", "街道", "街上", "大街", "市区", "马路"),
        "desert": ("沙漠", "沙丘", "戈壁", "大漠"),
        "snowfield": ("雪地", "雪原"),
    },
)
for _word in ("高楼", "海浪", "树下"):
    CHINESE_PLACES.pop(_word, None)
ENGLISH_COLOURS = _by_word({colour: words[0] for colour, words in COLOUR_WORDS.items()})
CHINESE_COLOURS = _by_word(
    {colour: words[1] for colour, words in COLOUR_WORDS.items()},
    {"pink": ("粉红",), "grey": ("灰",), "orange": ("橙黄色", "橘黄色", "橘红色"), "brown": ("褐",)},
)
ENGLISH_COUNTS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "a single": 1, "a pair of": 2, "a couple of": 2,
}  # fmt: skip
CHINESE_DIGITS = "一二两三四五六七八九十"
CHINESE_COUNT = rf"(?:[{CHINESE_DIGITS}]|\d+)"
CHINESE_MEASURE = "[只个把棵辆艘匹条座朵架台头位名幢栋间颗枚张本件顶块根幅支口尾峰束轮株艇]"
CHINESE_COUNTS = {"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
