"""The words that training captions are made of, in English and Chinese."""

# ruff: noqa: E501 (Chinese characters count double, and a table of words reads better with whole rows)

# Everyday words for a concept, beside its own name: (hexcode, English, Chinese).
ALIASES: tuple[tuple[str, str, str], ...] = (
    ("1F46B", "couple", "情侣"), ("1F46B", "couple", "恋人"), ("1F46B", "pair of lovers", "情侣"),
    ("1F46B", "man and woman", "年轻情侣"), ("1F46B", "young couple", "夫妻"), ("1F468-200D-1F469-200D-1F467-200D-1F466", "family", "一家人"),
    ("1F6B6", "walker", "行人"), ("1F6B6-200D-2642-FE0F", "man", "男人"), ("1F6B6-200D-2640-FE0F", "woman", "女人"),
    ("1F3C3", "runner", "跑步的人"), ("1F467", "girl", "女孩"), ("1F466", "boy", "男孩"), ("1F476", "baby", "婴儿"),
    ("1F9D2", "child", "孩子"), ("1F474", "old man", "老人"), ("1F475", "grandmother", "老奶奶"),
    ("1F6B4", "cyclist", "骑自行车的人"), ("1F3C4", "surfer", "冲浪者"), ("1F46E", "policeman", "警察"),
    ("1F468-200D-1F373", "chef", "厨师"), ("1F468-200D-1F33E", "farmer", "农民"), ("1F468-200D-1F680", "astronaut", "宇航员"),
    ("1F415", "dog", "狗"), ("1F415", "puppy", "小狗"), ("1F408", "cat", "猫"), ("1F408", "kitten", "小猫"),
    ("1F408-200D-2B1B", "black cat", "黑猫"), ("1F40E", "horse", "马"), ("1F404", "cow", "奶牛"), ("1F416", "pig", "猪"),
    ("1F411", "sheep", "羊"), ("1F407", "rabbit", "兔子"), ("1F42D", "mouse", "老鼠"), ("1F418", "elephant", "大象"),
    ("1F405", "tiger", "老虎"), ("1F981", "lion", "狮子"), ("1F412", "monkey", "猴子"), ("1F43C", "panda", "熊猫"),
    ("1F43B", "bear", "熊"), ("1F98A", "fox", "狐狸"), ("1F43A", "wolf", "狼"), ("1F98C", "deer", "鹿"),
    ("1F426", "bird", "小鸟"), ("1F426", "bird", "鸟"), ("1F54A-FE0F", "white dove", "白鸽"), ("1F986", "duck", "鸭子"),
    ("1F414", "hen", "母鸡"), ("1F427", "penguin", "企鹅"), ("1F41F", "fish", "鱼"), ("1F433", "whale", "鲸鱼"),
    ("1F42C", "dolphin", "海豚"), ("1F988", "shark", "鲨鱼"), ("1F980", "crab", "螃蟹"), ("1F422", "sea turtle", "海龟"),
    ("1F42B", "camel", "骆驼"), ("1F98B", "butterfly", "蝴蝶"), ("1F41D", "bee", "蜜蜂"), ("1F438", "frog", "青蛙"),
    ("1F697", "car", "汽车"), ("1F697", "red car", "小汽车"), ("1F695", "taxi", "出租车"), ("1F68C", "bus", "公交车"),
    ("1F69A", "truck", "卡车"), ("1F6B2", "bike", "自行车"), ("1F3CD-FE0F", "motorbike", "摩托车"), ("1F682", "train", "火车"),
    ("2708-FE0F", "plane", "飞机"), ("1F681", "helicopter", "直升机"), ("1F680", "rocket", "火箭"), ("26F5", "boat", "小船"),
    ("26F5", "sailing boat", "帆船"), ("1F6A2", "ship", "轮船"), ("1F3E0", "house", "房子"), ("1F3F0", "castle", "城堡"),
    ("26EA", "church", "教堂"), ("1F5FC", "tower", "塔"), ("26FA", "tent", "帐篷"), ("1F333", "tree", "树"),
    ("1F333", "big tree", "大树"), ("1F332", "pine tree", "松树"), ("1F334", "palm", "椰子树"), ("1F339", "rose", "玫瑰花"),
    ("1F33B", "sunflower", "向日葵"), ("1F33C", "flower", "花"), ("1F337", "tulip", "郁金香"), ("1F490", "bunch of flowers", "花束"),
    ("1F34E", "apple", "苹果"), ("1F34E", "red apple", "红苹果"), ("1F34C", "banana", "香蕉"), ("1F34A", "orange", "橙子"),
    ("1F349", "watermelon", "西瓜"), ("1F353", "strawberry", "草莓"), ("1F347", "bunch of grapes", "葡萄"),
    ("2615", "cup of coffee", "咖啡"), ("2615", "hot coffee", "热咖啡"), ("1F375", "cup of tea", "茶"), ("1F37A", "beer", "啤酒"),
    ("1F377", "glass of wine", "红酒"), ("1F355", "pizza", "披萨"), ("1F354", "burger", "汉堡"), ("1F382", "cake", "蛋糕"),
    ("1F366", "ice cream", "冰淇淋"), ("1F35A", "bowl of rice", "米饭"), ("1F35C", "bowl of noodles", "面条"),
    ("26BD", "football", "足球"), ("1F3C0", "basketball", "篮球"), ("1F388", "balloon", "气球"), ("1FA81", "kite", "风筝"),
    ("1F381", "present", "礼物"), ("1F4F1", "phone", "手机"), ("1F4BB", "computer", "电脑"), ("1F4F7", "camera", "相机"),
    ("1F4DA", "books", "书"), ("231A", "watch", "手表"), ("23F0", "clock", "闹钟"), ("2602-FE0F", "umbrella", "雨伞"),
    ("1F3B8", "guitar", "吉他"), ("1F3B9", "piano", "钢琴"), ("26C4", "snowman", "雪人"), ("1F384", "christmas tree", "圣诞树"),
    ("1F916", "robot", "机器人"), ("1F47B", "ghost", "鬼"), ("1F409", "dragon", "龙"), ("1F984", "unicorn", "独角兽"),
    ("2764-FE0F", "heart", "爱心"), ("2B50", "star", "星星"), ("1F600", "smiling face", "笑脸"), ("1F60A", "happy face", "开心的脸"),
)  # fmt: skip

# How a caption says the sky: English phrases to append, English adjectives, Chinese clauses, Chinese phrases.
SKY_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "sunny": (
        ("on a sunny day", "under a bright blue sky", "in the sunshine", "on a clear day", "in bright sunlight", "at noon"),
        ("sunny", "sunlit", "bright"),
        ("阳光灿烂", "晴空万里", "天气晴朗", "阳光普照", "阳光明媚", "蓝天白云"),
        ("阳光下", "蓝天下", "晴天里", "明媚的阳光下"),
    ),
    "sunset": (
        ("at sunset", "at dusk", "in the evening glow", "as the sun goes down", "at sunrise", "at dawn"),
        ("sunset", "golden", "evening"),
        ("夕阳西下", "日落时分", "晚霞满天", "黄昏时分", "太阳落山了", "清晨日出"),
        ("夕阳下", "黄昏时", "晚霞中", "日落时"),
    ),
    "night": (
        ("at night", "under the stars", "in the moonlight", "on a starry night", "at midnight", "under the moon"),
        ("night-time", "moonlit", "starry"),
        ("夜幕降临", "繁星点点", "月光皎洁", "夜晚", "星空璀璨", "月亮升起"),
        ("星空下", "夜里", "月光下", "夜晚"),
    ),
    "rain": (
        ("in the rain", "on a rainy day", "while it rains", "in a rain shower", "during a storm", "in pouring rain"),
        ("rainy", "wet", "stormy"),
        ("下着雨", "细雨绵绵", "大雨倾盆", "雨天", "春雨淅沥", "下雨了"),
        ("雨中", "雨天", "大雨里", "细雨中"),
    ),
    "snow": (
        ("while snow falls", "in falling snow", "on a snowy day", "in a snowstorm", "as it snows", "under falling snowflakes"),
        ("snowy", "wintry", "white"),
        ("下着雪", "大雪纷飞", "雪花飘落", "下雪了", "雪花飞舞", "冬日飘雪"),
        ("雪中", "大雪里", "雪天", "飘雪中"),
    ),
    "cloud": (
        ("on a cloudy day", "under grey clouds", "under an overcast sky", "on a grey day", "in dull weather", "under heavy clouds"),
        ("cloudy", "grey", "overcast"),
        ("多云", "阴天", "乌云密布", "天空阴沉", "云层很厚", "天色灰暗"),
        ("阴天里", "乌云下", "多云的天空下", "灰色的天空下"),
    ),
}  # fmt: skip

# How a caption says the place: English phrases, English nouns, Chinese phrases, then clauses of detail in both.
PLACE_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "beach": (
        ("on the beach", "by the seaside", "on the sand", "at the shore", "on a sandy beach", "along the coast"),
        ("beach", "seaside", "sandy shore"),
        ("沙滩上", "海边", "海滩上", "金色的沙滩上", "海岸边"),
        ("waves roll onto the sand", "the waves lap at the shore", "the sea is calm", "a soft sea breeze blows"),
        ("海浪拍打着沙滩", "浪花涌上岸边", "海风轻轻吹来", "潮水慢慢退去", "波浪一层层涌来"),
    ),
    "sea": (
        ("on the sea", "in the ocean", "at sea", "on the water", "out on the open sea", "on the waves"),
        ("sea", "ocean", "open water"),
        ("大海上", "海面上", "海上", "大海里", "蔚蓝的海洋中"),
        ("the waves rise and fall", "the water stretches to the horizon", "the blue water glitters"),
        ("波涛起伏", "海面一望无际", "海水蓝蓝的", "水面波光粼粼"),
    ),
    "meadow": (
        ("in a meadow", "on the grass", "in a green field", "on a green hill", "in the park", "in the countryside"),
        ("meadow", "green field", "grassy hill"),
        ("草地上", "草原上", "绿色的田野里", "公园里", "山坡上"),
        ("flowers bloom everywhere", "the grass is green", "green hills roll away"),
        ("鲜花盛开", "绿草如茵", "青草随风摇摆", "到处开满了花"),
    ),
    "forest": (
        ("in the forest", "in the woods", "among the trees", "deep in the forest", "under tall trees"),
        ("forest", "wood", "woodland"),
        ("森林里", "树林里", "树林中", "大森林深处", "树下"),
        ("tall trees stand all around", "the trees rustle in the wind"),
        ("树木高大茂密", "树叶沙沙作响", "四周都是大树"),
    ),
    "mountain": (
        ("in the mountains", "at the foot of a mountain", "below snowy peaks", "on a mountain trail", "in the highlands"),
        ("mountain", "mountain valley", "alpine"),
        ("山里", "山脚下", "雪山下", "高山上", "山谷中"),
        ("snowy peaks rise behind", "the mountains tower into the sky"),
        ("群山连绵", "远处是雪山", "山峰高耸入云"),
    ),
    "city": (
        ("in the city", "on a city street", "downtown", "between tall buildings", "in front of the skyline", "on the road"),
        ("city", "street", "downtown"),
        ("城市里", "街道上", "大街上", "马路上", "高楼之间"),
        ("the windows of the towers shine", "tall buildings line the street"),
        ("高楼林立", "城市灯火通明", "街道两旁都是大楼"),
    ),
    "desert": (
        ("in the desert", "among the dunes", "on a sand dune", "in the hot desert", "in the sandy wasteland"),
        ("desert", "dune", "dry"),
        ("沙漠里", "沙丘上", "大漠中", "沙漠中", "戈壁上"),
        ("the dunes stretch far away", "hot wind blows over the sand"),
        ("黄沙漫漫", "沙丘连绵起伏", "热风吹过沙丘"),
    ),
    "snowfield": (
        ("in the snow", "on a snowfield", "in a snowy field", "on the snow-covered ground", "in a winter landscape"),
        ("snow-covered", "winter", "icy"),
        ("雪地里", "雪地上", "白雪覆盖的原野上", "冰天雪地里", "雪原上"),
        ("everything is covered in white", "deep snow covers the ground"),
        ("到处白茫茫一片", "大地银装素裹", "地上积着厚厚的雪"),
    ),
}  # fmt: skip

# What stands above or beside a place calls it: English, Chinese.
PLACE_NOUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "beach": (("beach", "coast", "shore"), ("沙滩", "海滩", "海岸")),
    "sea": (("sea", "ocean", "waves"), ("大海", "海面", "海洋")),
    "meadow": (("meadow", "green field", "park"), ("草地", "草原", "田野")),
    "forest": (("forest", "woods", "trees"), ("森林", "树林")),
    "mountain": (("mountains", "snowy peaks", "mountain"), ("群山", "雪山", "山谷")),
    "city": (("city", "town", "street", "tall buildings"), ("城市", "街道", "高楼")),
    "desert": (("desert", "dunes"), ("沙漠", "沙丘")),
    "snowfield": (("snowfield", "snowy field"), ("雪地", "雪原")),
}

# What a thing does, by kind: English (singular, plural), Chinese.
VERBS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "couple": (
        ("strolling", "walking", "walking hand in hand", "taking a walk", "holding hands", "standing"),
        ("散步", "漫步", "牵手散步", "手牵手走着", "走路", "约会", "站着"),
    ),
    "person": (("walking", "standing", "waiting", "resting", "smiling"), ("走着", "站着", "休息", "等待", "微笑着")),
    "animal": (("running", "playing", "resting", "looking around"), ("奔跑", "玩耍", "休息", "走来走去")),
    "flyer": (("flying", "flying by", "gliding"), ("飞翔", "飞过", "盘旋")),
    "vehicle": (("driving by", "waiting", "parked"), ("驶过", "停着", "行驶")),
    "boat": (("sailing", "floating", "drifting"), ("航行", "漂浮", "驶过")),
}

# Ways to say who walks hand in hand: (hexcode, English, Chinese).
COUPLES: tuple[tuple[str, str, str], ...] = (
    ("1F46B", "two lovers", "一对恋人"), ("1F46B", "a couple in love", "一对情侣"), ("1F46B", "newlyweds", "一对新婚夫妻"),
    ("1F46B", "a man and a woman", "一男一女"), ("1F46B", "a husband and wife", "一对夫妻"), ("1F46B", "a boy and a girl", "小两口"),
    ("1F46B", "a young couple", "一对年轻情侣"), ("1F46B", "lovers", "恋人"), ("1F46B", "a romantic couple", "浪漫的情侣"),
    ("1F9D1-200D-1F91D-200D-1F9D1", "two people", "两个人"), ("1F9D1-200D-1F91D-200D-1F9D1", "two friends", "两个朋友"),
)  # fmt: skip

# What a thing's colour is called (see models/generators/sprite_vae/recolour.py): English, Chinese.
COLOUR_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "red": (("red", "bright red", "crimson"), ("红色", "红", "大红", "鲜红色")),
    "orange": (("orange", "bright orange"), ("橙色", "橘色", "橙")),
    "yellow": (("yellow", "bright yellow"), ("黄色", "黄", "金黄色")),
    "green": (("green", "dark green", "bright green"), ("绿色", "绿", "翠绿色")),
    "blue": (("blue", "dark blue", "light blue"), ("蓝色", "蓝", "天蓝色")),
    "purple": (("purple", "violet"), ("紫色", "紫")),
    "pink": (("pink", "light pink"), ("粉色", "粉红色", "粉")),
    "brown": (("brown", "dark brown"), ("棕色", "褐色", "咖啡色")),
    "black": (("black", "jet black"), ("黑色", "黑")),
    "grey": (("grey", "gray"), ("灰色", "灰")),
    "white": (("white", "snow-white"), ("白色", "白", "雪白")),
}

COUNTS = {2: (("two", "a pair of"), "两"), 3: (("three",), "三"), 4: (("four",), "四")}
SIZES = {"big": (("big", "large", "huge"), ("大", "巨大的")), "small": (("small", "little", "tiny"), ("小", "小小的"))}
RELATIONS = {
    "left": (("to the left of", "left of"), "左边"),
    "right": (("to the right of", "right of"), "右边"),
    "beside": (("next to", "beside", "near"), "旁边"),
    "above": (("above", "over"), "上方"),
}
