"""What English and Chinese call amounts, qualities and sides."""

BIT, MUCH, MORE, LESS, LOW, TOO, FILL = "bit", "much", "more", "less", "low", "too", "fill"

# A quality: the filter that changes it, and whether more of the quality is more (+1) or less (-1) of the filter.
Quality = tuple[str, int]

ENGLISH_NOUNS: dict[str, Quality] = {
    "brightness": ("brightness", 1), "exposure": ("brightness", 1), "light": ("brightness", 1),
    "darkness": ("brightness", -1), "contrast": ("contrast", 1), "saturation": ("saturation", 1),
    "vibrance": ("saturation", 1), "colour": ("saturation", 1), "colours": ("saturation", 1),
    "intensity": ("saturation", 1), "warmth": ("temperature", 1), "temperature": ("temperature", 1),
    "sharpness": ("sharpen", 1), "clarity": ("sharpen", 1), "noise": ("denoise", -1), "grain": ("denoise", -1),
    "graininess": ("denoise", -1), "shadows": ("gamma", 1), "midtones": ("gamma", 1), "gamma": ("gamma", 1),
    "detail": ("clahe", 1), "details": ("clahe", 1), "local contrast": ("clahe", 1), "magenta": ("tint", 1),
    "scratches": ("repair", -1), "scratch": ("repair", -1), "dust": ("repair", -1), "spots": ("repair", -1),
    "yellow": ("temperature", 1), "orange": ("temperature", 1), "green": ("tint", -1), "blue": ("temperature", -1),
}  # fmt: skip
ENGLISH_ADJECTIVES: dict[str, Quality] = {
    "bright": ("brightness", 1), "brighter": ("brightness", 1), "lighter": ("brightness", 1),
    "brighten": ("brightness", 1), "lighten": ("brightness", 1), "dark": ("brightness", -1),
    "darker": ("brightness", -1), "darken": ("brightness", -1), "dim": ("brightness", -1),
    "dimmer": ("brightness", -1), "dull": ("saturation", -1), "duller": ("saturation", -1),
    "contrasty": ("contrast", 1), "flat": ("contrast", -1), "flatter": ("contrast", -1), "punchy": ("contrast", 1),
    "punchier": ("contrast", 1), "vivid": ("saturation", 1), "vibrant": ("saturation", 1),
    "colourful": ("saturation", 1), "saturated": ("saturation", 1), "saturate": ("saturation", 1),
    "desaturate": ("saturation", -1), "desaturated": ("saturation", -1), "pale": ("saturation", -1),
    "paler": ("saturation", -1), "muted": ("saturation", -1), "washed-out": ("saturation", -1),
    "intense": ("saturation", 1), "warm": ("temperature", 1), "warmer": ("temperature", 1),
    "yellower": ("temperature", 1), "cool": ("temperature", -1), "cooler": ("temperature", -1),
    "cold": ("temperature", -1), "colder": ("temperature", -1), "bluer": ("temperature", -1),
    "sharp": ("sharpen", 1), "sharper": ("sharpen", 1), "sharpen": ("sharpen", 1), "crisp": ("sharpen", 1),
    "crisper": ("sharpen", 1), "clearer": ("sharpen", 1), "blurry": ("sharpen", -1), "soft": ("sharpen", -1),
    "blurrier": ("sharpen", -1), "softer": ("sharpen", -1), "denoise": ("denoise", 1), "noisy": ("denoise", -1),
    "noisier": ("denoise", -1), "grainy": ("denoise", -1), "grainier": ("denoise", -1), "greener": ("tint", -1),
    "greenish": ("tint", -1), "pinker": ("tint", 1), "reddish": ("temperature", 1), "bluish": ("temperature", -1),
    "yellowish": ("temperature", 1), "detailed": ("clahe", 1),
}  # fmt: skip
_ENGLISH_ROLES = {
    BIT: "bit slightly little tad touch somewhat gently mildly marginally subtly hint tiny",
    MUCH: "much lot lots far strongly way significantly considerably heavily greatly very really drastically "
    "substantially dramatically extremely possible",
    MORE: "more increase boost raise up enhance add higher lift intensify improve strengthen stronger bring out high",
    LESS: "less reduce decrease lower tone down cut weaken remove drop fewer softens rid clean without no",
    LOW: "low weak poor lacking",
    TOO: "too overly excessively",
    FILL: "make it its the a an picture image photo whole everything this that look looks looking is be of in to by "
    "all please them they are for with on some there should have has here get as and so tones tone "
    "overall general level levels feel give us effect quite at can could you i would like want need apply "
    "turn set go feels seems appears just only also strong big needs use thing whole",
}
ENGLISH_ROLES = {word: role for role, words in _ENGLISH_ROLES.items() for word in words.split()}

CHINESE_QUALITIES: dict[str, Quality] = {
    "亮度": ("brightness", 1), "曝光": ("brightness", 1), "明亮": ("brightness", 1), "亮": ("brightness", 1),
    "提亮": ("brightness", 1), "变亮": ("brightness", 1), "暗": ("brightness", -1), "变暗": ("brightness", -1),
    "对比度": ("contrast", 1), "对比": ("contrast", 1), "反差": ("contrast", 1), "饱和度": ("saturation", 1),
    "鲜艳": ("saturation", 1), "艳丽": ("saturation", 1), "艳": ("saturation", 1), "颜色": ("saturation", 1),
    "色彩": ("saturation", 1), "浓": ("saturation", 1), "浓郁": ("saturation", 1), "淡": ("saturation", -1),
    "暖": ("temperature", 1), "暖色": ("temperature", 1), "暖色调": ("temperature", 1), "色温": ("temperature", 1),
    "温暖": ("temperature", 1), "冷": ("temperature", -1), "冷色": ("temperature", -1), "冷色调": ("temperature", -1),
    "黄": ("temperature", 1), "蓝": ("temperature", -1), "绿": ("tint", -1), "洋红": ("tint", 1), "品红": ("tint", 1),
    "锐化": ("sharpen", 1), "锐利": ("sharpen", 1), "锐度": ("sharpen", 1), "清晰": ("sharpen", 1),
    "清晰度": ("sharpen", 1), "清楚": ("sharpen", 1), "模糊": ("sharpen", -1), "去噪": ("denoise", 1),
    "降噪": ("denoise", 1), "噪点": ("denoise", -1), "噪声": ("denoise", -1), "噪音": ("denoise", -1),
    "颗粒": ("denoise", -1), "颗粒感": ("denoise", -1), "暗部": ("gamma", 1), "阴影": ("gamma", 1),
    "细节": ("clahe", 1), "局部对比度": ("clahe", 1), "划痕": ("repair", -1), "污点": ("repair", -1),
}  # fmt: skip
_CHINESE_ROLES = {
    BIT: "一点儿 一点 一些 点儿 点 些 稍微 稍稍 略微 略 有点儿 有点 有些 少许 微微 轻微",
    MUCH: "很多 得多 大幅度 大幅 非常 特别 十分 极 许多 明显 大大 强烈 显著 狠狠 多多",
    MORE: "更 更加 增加 提高 增强 加强 加 提升 高 增大 增 突出 强 调高 再 多 提 升 偏 加大 不够 缺乏 缺",
    LESS: "降低 减少 减弱 减 削弱 去掉 去除 消除 清除 调低 没有 别那么 不要那么 不那么 没那么 别太 不要太 不太",
    LOW: "低 弱 少 不足 不高 不强",
    TOO: "太过 太 过于 过分",
    FILL: "把 将 的 了 让 使 请 调 调整 画面 图片 照片 图像 整体 变得 变 整个 要 它 看起来 色调 得 一下 弄 帮我 给我 "
    "能不能 可以 应该 想要 是 在 里 上 为 有 又 也 先 到 做 处理 进行 点点 成 吗 吧 呢 感觉 还 地 想 这张 图 我 度",
}
CHINESE_ROLES = {word: role for role, words in _CHINESE_ROLES.items() for word in words.split()}

ENGLISH_SIDES = {
    "left": "left", "right": "right", "up": "up", "upward": "up", "upwards": "up", "higher": "up", "top": "up",
    "down": "down", "downward": "down", "downwards": "down", "lower": "down", "bottom": "down", "middle": "centre",
    "centre": "centre", "center": "centre",
}  # fmt: skip
CHINESE_SIDES = {
    "左边": "left", "左侧": "left", "左面": "left", "左": "left", "右边": "right", "右侧": "right", "右面": "right",
    "右": "right", "上面": "up", "上方": "up", "上": "up", "高": "up", "下面": "down", "下方": "down", "下": "down",
    "低": "down", "中间": "centre", "中央": "centre", "正中": "centre",
}  # fmt: skip
CHINESE_BECOME = (
    "(?:改成|改为|变成|变为|换成|换为|换作|替换成|替换为|涂成|染成|画成|弄成|刷成|漆成|转成|转为|调成|做成|变)"
)
ENGLISH_SCOPES = {"sky": "sky", "background": "background", "backdrop": "background"}
CHINESE_SCOPES = {"天空": "sky", "背景": "background", "天": "sky"}
