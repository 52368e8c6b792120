"""Diffusers checkpoints by halves: every family does what diffusers itself does, and a row depends on nobody else."""

import json
import logging
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from models.diffusers.acceleration import accelerate
from models.diffusers.checkpoint import DiffusersCheckpoint, Half
from models.diffusers.hub import find_checkpoint, is_checkpoint
from models.diffusers.image_half import DiffusersGenerator, open_diffusers
from models.diffusers.options import PLAIN, Acceleration
from models.diffusers.signatures import Interface
from models.diffusers.workarounds import spare_conversion
from tasks.loading.models import load_generator, ready
from tasks.render.encode import encode_batch
from tasks.runfolder.errors import BadInput
from tests.models.diffusers.checkpoints import FAMILIES, Checkpoints, build_pipeline, without_t5, write_checkpoint

TEXTS = ["a red cat", "a blue dog on a long street with many houses", "a tree", "sun"]
SIZE, STEPS, ROWS = 32, 2, 4


def halves(folder: Path, options: Acceleration = PLAIN) -> DiffusersGenerator:
    found = open_diffusers(str(folder), "cpu", options)
    assert found is not None
    return found


def features_of(model: DiffusersGenerator, texts: list[str], negatives: list[str | None]) -> list[dict[str, Tensor]]:
    made = model.own_encoder.encode(texts)
    if model.own_encoder.encode_negative is None:
        return made
    others = model.own_encoder.encode_negative(negatives)
    return [{**features, **other} for features, other in zip(made, others, strict=True)]


def paint(model: DiffusersGenerator, rows: list[dict[str, Tensor]], seeds: list[int], **options: Any) -> Tensor:
    return model.generate(rows, seeds, SIZE, SIZE, options.pop("steps", STEPS), **options)


def stored(folder: Path, parts: tuple[str, ...]) -> set[str]:
    """The names of all tensors in the files of some parts."""
    names = set()
    for part in parts:
        for file in (folder / part).glob("*.safetensors"):
            with safe_open(file, "pt") as opened:
                names |= {f"{part}.{name}" for name in opened.keys()}  # noqa: SIM118 - not a dict
    return names


def held(pipe: Any) -> dict[str, int]:
    """The numbers a pipeline holds, by part."""
    modules = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
    return {name: sum(p.numel() for p in part.parameters()) for name, part in modules.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_paints_by_halves_what_diffusers_paints_whole(family: str, checkpoints: Checkpoints) -> None:
    folder = checkpoints(family)
    model = halves(folder)
    row = features_of(model, TEXTS[:1], [None])[0]
    made = paint(model, [row], [7])[0]

    whole = diffusers.DiffusionPipeline.from_pretrained(folder)
    whole.set_progress_bar_config(disable=True)
    more = {"use_resolution_binning": False, "clean_caption": False} if family in {"pixart-sigma", "sana"} else {}
    if family == "qwen-image":
        more["negative_prompt"] = ""  # the whole pipeline guides only when told away from something
    noise = torch.Generator().manual_seed(7)
    size = {"width": SIZE, "height": SIZE, "num_inference_steps": STEPS}
    expected = whole(prompt=TEXTS[0], generator=noise, output_type="pt", **size, **more).images[0]
    assert torch.allclose(made, expected, atol=1e-4)
    assert made.std() > 0.05  # noise, as random weights make it, but a picture

    text, picture = held(model.own_encoder._pipe), held(model._pipe)
    assert not text.keys() & picture.keys()
    assert {**text, **picture} == held(whole)
    assert stored(folder, tuple(text)) and stored(folder, tuple(picture))


# Not Qwen-Image: it takes its template to be 34 tokens, which it is not where each letter is one.
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "qwen-image"])
def test_a_text_is_cut_where_its_last_letter_no_longer_tells(family: str, checkpoints: Checkpoints) -> None:
    encoder = halves(checkpoints(family)).own_encoder
    longest = bisect_left(range(1000), True, key=lambda length: encoder.cuts(["A" * length])[0]) - 1
    two = 2 * (family == "sana")  # counts on a mark at the start, and on a token across instruction and text
    for length, cut in ((longest - two, False), (longest + 1, True)):
        a, b = encoder.encode(["A" * (length - 1) + letter for letter in "xy"])
        assert all(torch.equal(a[name], b[name]) for name in a) == cut


def test_a_checkpoint_without_its_longest_reader_cuts_earlier(checkpoints: Checkpoints, tmp_path: Path) -> None:
    without_t5().save_pretrained(tmp_path / "sd3")
    texts = ["a" * 75, "a" * 76, "a" * 300]
    assert halves(tmp_path / "sd3").own_encoder.cuts(texts) == [False, True, True]
    assert halves(checkpoints("sd3")).own_encoder.cuts(texts) == [False, False, True]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_is_the_same_to_the_byte_in_any_company(family: str, checkpoints: Checkpoints) -> None:
    model = halves(checkpoints(family))
    rows = features_of(model, TEXTS, [None, "rain", "a much longer list of things to keep out", None])
    kinds = [model.batch_key(row, STEPS, None) for row in rows]
    alone = features_of(model, TEXTS[:1], [None])[0]
    assert all(torch.equal(alone[name], rows[0][name]) for name in alone)
    kin = [i for i in range(len(rows)) if kinds[i] == kinds[0]]
    filled = paint(model, [rows[0]] * ROWS, [7] * ROWS)[0]
    company = [i for i in kin if i != 0] or [0]
    others = [company[i % len(company)] for i in range(ROWS - 1)]
    assert torch.equal(paint(model, [rows[0], *(rows[i] for i in others)], [7, 1, 2, 3])[0], filled)
    assert torch.equal(paint(model, [*(rows[i] for i in others), rows[0]], [1, 2, 3, 7])[-1], filled)
    assert not torch.equal(paint(model, [rows[0]] * ROWS, [8] * ROWS)[0], filled)


def test_text_negative_guidance_steps_and_seed_all_tell(checkpoints: Checkpoints) -> None:
    model = halves(checkpoints("sdxl"))
    plain, negative, other = features_of(model, ["a cat", "a cat", "a dog"], [None, "rain", None])
    usual = paint(model, [plain], [1])
    changed = [
        paint(model, [negative], [1]),
        paint(model, [other], [1]),
        paint(model, [plain], [1], guidance=[2.0]),
        paint(model, [plain], [1], steps=3),
        paint(model, [plain], [2]),
    ]
    assert all(not torch.equal(usual, picture) for picture in changed)
    assert torch.equal(paint(model, [plain], [1], guidance=[model.defaults["guidance"]]), usual)


MIXED = [family for family in FAMILIES if family not in {"flux", "z-image"}]


@pytest.mark.parametrize("family", MIXED)
def test_rows_of_one_batch_have_guidance_of_their_own(family: str, checkpoints: Checkpoints) -> None:
    model = halves(checkpoints(family))
    row = features_of(model, TEXTS[:1], ["rain"])[0]
    scales = [1.5, 3.3, 7.0]
    assert len({model.batch_key(row, STEPS, scale) for scale in scales}) == 1
    assert model.batch_key(row, STEPS, 1.0) != model.batch_key(row, STEPS, 1.5)
    mixed = paint(model, [row] * 3, [1, 1, 1], guidance=scales)
    for i, scale in enumerate(scales):
        assert torch.equal(mixed[i], paint(model, [row] * 3, [1, 1, 1], guidance=[scale] * 3)[i])
        assert torch.allclose(mixed[i], paint(model, [row], [1], guidance=[scale])[0], atol=1e-4)
    assert not torch.equal(mixed[0], mixed[1])


def test_where_guidance_is_an_input_of_the_network_each_row_has_its_own(checkpoints: Checkpoints) -> None:
    model = halves(checkpoints("flux"))
    row = features_of(model, TEXTS[:1], [None])[0]
    scales = [1.0, 3.5, 7.0]
    assert len({model.batch_key(row, STEPS, scale) for scale in scales}) == 1
    mixed = paint(model, [row] * 3, [1, 1, 1], guidance=scales)
    for i, scale in enumerate(scales):
        assert torch.equal(mixed[i], paint(model, [row] * 3, [1, 1, 1], guidance=[scale] * 3)[i])
    assert torch.equal(mixed[1], paint(model, [row] * 3, [1, 1, 1])[1])  # the pipeline's own
    assert not torch.equal(mixed[0], mixed[2])


def test_where_a_pipeline_weighs_each_picture_by_itself_rows_are_grouped_by_guidance(checkpoints: Checkpoints) -> None:
    model = halves(checkpoints("z-image"))
    row = features_of(model, TEXTS[:1], [None])[0]
    assert model.batch_key(row, STEPS, 2.0) != model.batch_key(row, STEPS, 3.0)


ALL = ("sd1", "flux", "sana")
OPTIONS: list[tuple[tuple[str, ...], dict[str, Any], float]] = [  # for which families, what, and how far from plain
    (ALL, {"dtype": "bfloat16"}, 0.1),
    (ALL, {"attention": "math"}, 1e-4),
    (ALL, {"channels_last": True}, 1e-4),
    (ALL, {"weights": "float8"}, 0.2),
    (ALL, {"vae_slicing": True, "vae_tiling": True}, 1e-4),
    (("sd1",), {"scheduler": "UniPCMultistepScheduler"}, 0.5),
    (("sd1",), {"scheduler": "LCMScheduler"}, 1.0),
    (("flux",), {"step_cache": "taylorseer"}, 0.1),
    (("flux",), {"step_cache": "first-block", "cache_threshold": 0.9}, 0.1),
]


@pytest.mark.parametrize(("families", "options", "far"), OPTIONS, ids=[str(options) for _, options, _ in OPTIONS])
def test_each_acceleration_makes_nearly_the_same_picture(
    families: tuple[str, ...], options: dict[str, Any], far: float, checkpoints: Checkpoints
) -> None:
    for family in families:
        plain, model = (halves(checkpoints(family), Acceleration(**given)) for given in ({}, options))
        before = paint(plain, features_of(plain, TEXTS[:1], [None]) * 2, [1, 2], steps=6)
        made = paint(model, features_of(model, TEXTS[:1], [None]) * 2, [1, 2], steps=6)
        assert (made - before).abs().max() < far
        exact = far == 1e-4
        assert exact or not torch.equal(made, before)  # it did something
        assert torch.equal(made, paint(model, features_of(model, TEXTS[:1], [None]) * 2, [1, 2], steps=6))


@pytest.mark.slow
def test_compiled_blocks_make_the_same_picture(checkpoints: Checkpoints) -> None:
    plain, model = (halves(checkpoints("flux"), Acceleration(compile=given)) for given in (False, True))
    row = features_of(plain, TEXTS[:1], [None])
    assert torch.allclose(paint(model, row, [1]), paint(plain, row, [1]), atol=1e-4)
    blocks = [b for b in model._pipe.transformer.modules() if type(b).__name__ == "FluxTransformerBlock"]
    assert blocks and all(block._compiled_call_impl is not None for block in blocks)


@pytest.mark.parametrize(
    ("family", "options", "sentence"),
    [
        ("sd1", {"step_cache": "first-block"}, "does not go with caches between steps"),
        ("flux", {"scheduler": "DDIMScheduler"}, "choose one of FlowMatchEulerDiscreteScheduler"),
        ("sana", {"compile": True}, "names no repeated blocks"),
        ("sd1", {"offload": True}, "nothing to bring parts to on the cpu"),
        ("sd1", {"attention": "cudnn"}, "a kernel for GPUs; on the cpu choose flash or math"),
        ("flux", {"cache_threshold": 0.5}, "is of step_cache first-block alone"),
        ("flux", {"cache_threshold": 0.5, "step_cache": "taylorseer"}, "is of step_cache first-block alone"),
    ],
)
def test_what_a_checkpoint_cannot_do_is_told_before_a_run(
    family: str, options: dict[str, Any], sentence: str, checkpoints: Checkpoints
) -> None:
    with pytest.raises(ValueError, match=sentence):
        halves(checkpoints(family), Acceleration(**options))


def test_a_pipeline_without_a_vae_has_no_options_of_one() -> None:
    with pytest.raises(ValueError, match="vae_tiling: SimpleNamespace has no vae; leave it out"):
        accelerate(SimpleNamespace(unet=torch.nn.Linear(1, 1)), Acceleration(vae_tiling=True))


def test_weights_have_8_bits_before_they_come_to_the_device(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[torch.dtype] = []
    real = diffusers.FluxPipeline.to

    def to(pipe: Any, *given: Any) -> Any:
        placed.append(pipe.transformer.transformer_blocks[0].attn.to_q.weight.dtype)
        return real(pipe, *given)

    monkeypatch.setattr(diffusers.FluxPipeline, "to", to)
    model = open_diffusers(str(checkpoints("flux")), "cpu", Acceleration(weights="float8"))
    assert model is not None
    model.ready()
    assert placed == [torch.float8_e4m3fn]


def test_weights_of_eight_bits_count_a_byte_each(checkpoints: Checkpoints) -> None:
    full, narrow = (halves(checkpoints("flux"), Acceleration(weights=width)) for width in (None, "float8"))
    denoiser = build_pipeline("flux").transformer
    saved = 3 * sum(weight.numel() for weight in denoiser.parameters())
    assert full.bytes - narrow.bytes == pytest.approx(saved, rel=0.05)  # by the files, which have headers


def test_a_cache_that_decides_for_the_batch_gets_one_picture_at_a_time(checkpoints: Checkpoints) -> None:
    assert halves(checkpoints("flux")).batch_size(64, 64) == 32
    assert halves(checkpoints("flux"), Acceleration(step_cache="first-block")).batch_size(64, 64, 8) == 1


@pytest.mark.parametrize(
    ("family", "options", "place"),
    [
        ("sdxl", {"dtype": "float16"}, ("vae", "decode", 1)),
        ("flux", {"step_cache": "taylorseer"}, ("transformer", "forward", 5)),
    ],
)
def test_a_call_that_ran_out_of_memory_leaves_nothing_behind(
    family: str, options: dict[str, Any], place: tuple[str, str, int], checkpoints: Checkpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    model = open_diffusers(str(checkpoints(family)), "cpu", Acceleration(**options))
    assert model is not None
    row = features_of(model, TEXTS[:1], [None])
    before = paint(model, row * 2, [1, 2], steps=6)
    part, method, last = place
    real, calls = getattr(getattr(model._pipe, part), method), []

    def ending(*given: Any, **named: Any) -> Any:
        calls.append(method)
        if len(calls) == last:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(*given, **named)

    monkeypatch.setattr(getattr(model._pipe, part), method, ending)
    with pytest.raises(torch.OutOfMemoryError):
        paint(model, row * 4, [1, 2, 3, 4], steps=6)
    assert torch.equal(paint(model, row * 2, [1, 2], steps=6), before)


def test_halves_are_let_go_of_and_come_back_the_same(checkpoints: Checkpoints) -> None:
    model = open_diffusers(str(checkpoints("sd1")), "cpu", PLAIN)
    assert model is not None and (model.own_encoder.loads, model.loads) == (0, 0)
    before = paint(model, model.own_encoder.encode(TEXTS[:1]) and features_of(model, TEXTS[:1], [None]), [3])
    model.own_encoder.release()
    model.release()
    assert model.own_encoder._pipe is None and model._pipe is None
    assert torch.equal(paint(model, features_of(model, TEXTS[:1], [None]), [3]), before)
    assert (model.own_encoder.loads, model.loads) == (2, 2)


def test_an_encoder_that_ran_out_of_memory_while_loading_or_encoding_makes_the_same_features(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for family in ("sd1", "qwen-image"):  # the latter a text at a time
        expected = halves(checkpoints(family)).own_encoder.encode(TEXTS)
        model = open_diffusers(str(checkpoints(family)), "cpu", PLAIN)
        assert model is not None
        real, given = model.own_encoder._run, []

        def limited(chunk: list[Any], negative: bool, real: Any = real, given: list[int] = given) -> Any:
            given.append(len(chunk))
            if len(given) == 1 or len(chunk) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return real(chunk, negative)

        monkeypatch.setattr(model.own_encoder, "_run", limited)
        with pytest.raises(MemoryError, match="does not fit into the device's memory; try --phase split"):
            ready(model.own_encoder)
        made = encode_batch(model.own_encoder, model.own_encoder.encode, list(TEXTS))
        assert max(given[-2:]) <= 2 and model.own_encoder.limit.size == (2 if family == "sd1" else 8)
        for row, whole in zip(made, expected, strict=True):
            assert row.keys() == whole.keys()
            assert all(torch.allclose(row[name], whole[name], atol=1e-5) for name in row)


def test_loading_and_cutting_a_text_say_nothing(checkpoints: Checkpoints, capfd: pytest.CaptureFixture[str]) -> None:
    folder = checkpoints("sdxl")
    capfd.readouterr()
    model = open_diffusers(str(folder), "cpu", PLAIN)
    assert model is not None
    model.own_encoder.encode(["a long text " * 100])
    model.ready()
    assert capfd.readouterr() == ("", "")


def test_offloaded_parts_stay_in_memory_and_have_their_turn_on_the_gpu(checkpoints: Checkpoints) -> None:
    checkpoint = DiffusersCheckpoint(checkpoints("sdxl"))
    halves_: tuple[Half, ...] = ("text", "picture")
    for half in halves_:
        pipe = checkpoint.load(half, torch.float32, "cuda:0", offload=True)  # without it, it would need a GPU at once
        parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
        assert len(parts) == 2
        for part in parts:
            assert part._hf_hook.execution_device == torch.device("cuda:0")
            assert next(part.parameters()).device.type == "cpu"


def test_a_negative_text_of_all_rows_is_encoded_once(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_diffusers(str(checkpoints("pixart-sigma")), "cpu", PLAIN)
    assert model is not None
    given: list[Any] = []
    real = diffusers.PixArtSigmaPipeline.encode_prompt

    def noted(pipe: Any, prompt: Any, *more: Any, **named: Any) -> Any:
        given.append(named.get("negative_prompt"))
        return real(pipe, prompt, *more, **named)

    model.own_encoder.ready()
    encode_negative = model.own_encoder.encode_negative
    assert encode_negative is not None
    monkeypatch.setattr(diffusers.PixArtSigmaPipeline, "encode_prompt", noted)
    first = encode_negative([None, "rain", None])
    assert len(given) == 2
    again = encode_negative(["rain", None])
    assert len(given) == 2
    assert all(torch.equal(again[0][name], first[1][name]) for name in first[1])
    assert again[1] is first[0] is first[2]
    encode_negative([f"rain {number}" for number in range(20)])
    assert len(model.own_encoder._negatives) == 16


def test_what_rows_may_set_is_read_from_the_pipeline(checkpoints: Checkpoints) -> None:
    known = {family: halves(checkpoints(family)).defaults for family in ("sd1", "flux", "qwen-image")}
    assert known["sd1"] == {"steps": 50, "guidance": 7.5, "negative_text": None}
    assert known["flux"] == {"steps": 28, "guidance": 3.5}  # distilled: guidance is an input, there is no other side
    assert known["qwen-image"]["guidance"] == 4.0


def test_other_families_have_an_interface_or_a_sentence() -> None:
    """Every text-to-image class of diffusers' own table: run by its signatures, or refused with the reason."""
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING as KINDS

    runnable = set()
    for name, kind in KINDS.items():
        try:
            Interface(kind)
            runnable.add(name)
        except ValueError as error:
            assert "cannot be run as a generator: it" in str(error)
    assert {"auraflow", "chroma", "cogview4", "flux2", "kandinsky3", "lcm", "lumina", "pixart-alpha"} <= runnable
    assert not {"kandinsky22", "wuerstchen", "cascade", "ideogram4", "glm_image", "hunyuan", "hunyuan-pag"} & runnable
    assert not {"stable-diffusion-xl-controlnet", "flux-control", "z-image-controlnet-inpaint", "helios"} & runnable


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("StableDiffusionImg2ImgPipeline", "it follows a picture"),
        ("FluxInpaintPipeline", "it follows a picture"),
        ("QwenImageEditPipeline", "it follows a picture"),
        ("StableDiffusionUpscalePipeline", "it follows a picture"),
        ("SanaVideoPipeline", "it makes films"),
        ("StableAudioPipeline", "it cannot be told the size of a picture"),
    ],
)
def test_what_makes_no_pictures_of_texts_is_refused(kind: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} cannot be run as a generator: {why}"):
        Interface(getattr(diffusers, kind))


def test_a_size_the_pipeline_would_round_is_refused(checkpoints: Checkpoints) -> None:
    model = halves(checkpoints("flux"))
    with pytest.raises(ValueError, match="makes no picture of 30 x 32: give multiples of 4 pixels"):
        model.generate(model.own_encoder.encode(TEXTS[:1]), [1], 30, 32, STEPS)


def break_part(folder: Path) -> None:
    file = next((folder / "unet").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-100])


def pickle_part(folder: Path) -> None:
    file = next((folder / "unet").glob("*.safetensors"))
    file.rename(file.with_name("diffusion_pytorch_model.bin"))


def forget_part(folder: Path) -> None:
    next((folder / "text_encoder").glob("*.safetensors")).unlink()


def forget_vocabulary(folder: Path) -> None:
    for file in (folder / "tokenizer").glob("*"):
        if file.name not in {"tokenizer_config.json", "special_tokens_map.json"}:
            file.unlink()


def edit_index(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "model_index.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (break_part, "damaged or cut short"),
        (pickle_part, r"only pickled weights.*convert the checkpoint where you trust it: .*save_pretrained"),
        (forget_part, r"text_encoder has no weights \(\*\.safetensors\).* if its weights are pickled, convert"),
        (forget_vocabulary, r"tokenizer has no vocabulary \(tokenizer.json or its kin\); copy the checkpoint again"),
        (edit_index(_class_name=["pipeline", "Mine"]), "a checkpoint's own code is never run"),
        (edit_index(_class_name="NoSuchPipeline"), "which this version of diffusers does not have"),
        (edit_index(_class_name="SpectrogramDiffusionPipeline"), "cannot be loaded: .* requires the note-seq library"),
        (edit_index(unet=["my_unet", "MyUNet"]), "is code of its own"),
        (edit_index(unet=["diffusers", "NoSuchUNet"]), "wants NoSuchUNet for its part 'unet', which this version of"),
        (edit_index(vae=[None, None]), "is saved without its vae; copy the checkpoint again, whole"),
        (edit_index(text_encoder=[]), "is saved without its text_encoder"),
        (edit_index(extra=["diffusers", "UNet2DConditionModel"]), "lacks the folder of its part 'extra'"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_one_sentence(
    damage: Callable[[Path], None], sentence: str, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "broken")
    damage(folder)
    with pytest.raises(ValueError, match=sentence):
        DiffusersCheckpoint(folder)


def lose_shard(folder: Path) -> None:
    max((folder / "unet").glob("*-of-*.safetensors")).unlink()


def lose_index(folder: Path) -> None:
    next((folder / "unet").glob("*.index.json")).unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lose_shard, r"unet lacks diffusion_pytorch_model-.*, which .*index.json lists; copy it again"),
        (lose_index, "weights in several files and no index of them"),
    ],
)
def test_a_part_in_shards_is_whole_or_refused(damage: Callable[[Path], None], sentence: str, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "shards", "sd1", max_shard_size="40KB")
    damage(folder)
    with pytest.raises(ValueError, match=sentence):
        DiffusersCheckpoint(folder)


@pytest.mark.parametrize("options", [{"variant": "fp16"}, {"max_shard_size": "40KB"},
                                     {"variant": "fp16", "max_shard_size": "40KB"}], ids=str)  # fmt: skip
def test_variants_and_shards_make_the_same_picture(
    options: dict[str, str], checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path / "other", "sd1", **options)
    assert len(list((folder / "unet").glob("*.safetensors"))) > ("max_shard_size" in options)
    usual, model = halves(checkpoints("sd1")), halves(folder)
    made = [paint(each, features_of(each, TEXTS[:1], [None]), [7]) for each in (usual, model)]
    assert torch.equal(*made)
    assert abs(model.bytes - usual.bytes) < 0.1 * usual.bytes


def test_of_plain_weights_and_a_variant_the_plain_ones_count(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "both")
    before = DiffusersCheckpoint(folder).bytes("picture", torch.float32)
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.with_name("diffusion_pytorch_model.fp16.safetensors").write_bytes(file.read_bytes())
    both = DiffusersCheckpoint(folder)
    assert both.variant is None
    assert both.bytes("picture", torch.float32) == before
    file.unlink()
    only = DiffusersCheckpoint(folder)
    assert only.variant == "fp16"  # of the one part; the others load as they are
    assert only.load("picture", torch.float32, "cpu").unet is not None
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    vae.rename(vae.with_name("diffusion_pytorch_model.bf16.safetensors"))
    with pytest.raises(ValueError, match=r"has no one variant of all its parts \(bf16, fp16\)"):
        DiffusersCheckpoint(folder)


def test_stable_diffusion_3_without_its_t5_paints_by_halves_what_it_paints_whole(tmp_path: Path) -> None:
    whole = without_t5()
    whole.save_pretrained(tmp_path / "sd3")
    whole.set_progress_bar_config(disable=True)
    model = halves(tmp_path / "sd3")
    made = paint(model, features_of(model, TEXTS[:1], [None]), [7])[0]
    size = {"width": SIZE, "height": SIZE, "num_inference_steps": STEPS}
    noise = torch.Generator().manual_seed(7)
    expected = whole(prompt=TEXTS[0], generator=noise, output_type="pt", **size).images[0]
    assert torch.allclose(made, expected, atol=1e-4)


def test_a_hub_id_is_found_in_the_hubs_cache_or_the_hub_is_named(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match=r"no folder 'some/model', and the model hub has no .* or cannot be reached"):
        load_generator("some/model", "cpu")
    assert logging.getLogger("huggingface_hub").getEffectiveLevel() == logging.ERROR  # no line for every try
    kept = tmp_path / "models--some--model"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("a" * 40)
    checkpoints.copy("sd1", kept / "snapshots" / ("a" * 40))
    found = open_diffusers("some/model", "cpu", PLAIN)
    assert found is not None and found.name == "some/model"


def test_of_the_hub_plain_weights_are_taken_or_fp16_or_it_is_told_how_to_convert(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ["fp16"]
    asked: list[dict[str, Any]] = []

    def download(reference: str, **given: Any) -> Path:
        asked.append(given)
        if given["variant"] not in there:
            raise OSError("Could not find the necessary `safetensors` weights")
        return checkpoints("sd1")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *given: None)
    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    assert find_checkpoint("some/model") == checkpoints("sd1")
    assert [given["variant"] for given in asked] == [None, "fp16"]
    assert all(given["safety_checker"] is None and "safety_checker" in given for given in asked)  # not brought here
    there.clear()
    with pytest.raises(ValueError, match=r"cannot be had from the model hub: .*if its weights are pickled, convert"):
        find_checkpoint("some/model")


def test_a_part_that_changes_changes_its_own_digest_and_its_halfs(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "other")
    before = DiffusersCheckpoint(folder)
    kept = dict(before.digests), before.digest("text"), before.digest("picture")
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"steps_offset": 1', '"steps_offset": 0'))
    after = DiffusersCheckpoint(folder)
    assert [part for part in after.digests if after.digests[part] != kept[0][part]] == ["scheduler"]
    assert after.digest("text") == kept[1]
    assert after.digest("picture") != kept[2]
    edit_index(force_zeros_for_empty_prompt=True)(folder)  # of how texts are encoded, and no part's
    assert DiffusersCheckpoint(folder).digest("text") != kept[1]


def test_another_librarys_config_beside_the_index_makes_no_difference(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    for content, ours in (("{}", False), ("[", False), ('{"family": "flow"}', True)):
        (folder / "config.json").write_text(content)
        assert is_checkpoint(folder) is not ours


def test_a_folder_of_another_kind_is_left_to_others(tmp_path: Path) -> None:
    assert open_diffusers(str(tmp_path), "cpu", PLAIN) is None
    assert open_diffusers("default", "cpu", PLAIN) is None


def test_embeddings_of_several_tokens_are_looked_for_only_where_there_are_some() -> None:
    def pipe(*added: str) -> Any:
        tokenizer = SimpleNamespace(added_tokens_encoder=dict.fromkeys(added, 1))
        return SimpleNamespace(components={"tokenizer": tokenizer}, maybe_convert_prompt=lambda text, tokenizer: "more")

    without, with_them = pipe("<cat>", "<pad>"), pipe("<cat>", "<cat>_1")
    for each in (without, with_them):
        spare_conversion(each)
    assert without.maybe_convert_prompt("a <cat>", None) == "a <cat>"
    assert with_them.maybe_convert_prompt("a <cat>", None) == "more"
