"""Tiny diffusers checkpoints, built offline: random weights, the real classes, real tokenizers, real folders.

    write_checkpoint(folder, "sdxl")      # what DiffusionPipeline.from_pretrained loads

Random weights paint noise; what these check is that every part is loaded, called and kept apart as it should be.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel

FAMILIES = ("sd1", "sdxl", "pixart-sigma", "sana", "flux", "lumina2", "z-image", "qwen-image", "sd3", "flux2-klein")
WIDTH = 32  # of the text encoders
Parts = dict[str, Any]


def _bytes() -> list[str]:
    return sorted(ByteLevel.alphabet())


def _clip_tokenizer() -> Any:
    symbols = [*_bytes(), *(f"{symbol}</w>" for symbol in _bytes()), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _t5_tokenizer() -> Any:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(code), -3.0) for code in range(33, 127)]
    return transformers.T5Tokenizer(vocab=pieces, extra_ids=0, additional_special_tokens=[], model_max_length=512)


def _gemma_tokenizer() -> Any:
    symbols = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    return transformers.GemmaTokenizer(vocab=vocabulary, merges=[])


_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _qwen_tokenizer() -> Any:
    symbols = [*_bytes(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    special = ["<|im_start|>", "<|im_end|>"]
    return transformers.Qwen2Tokenizer(
        vocab=vocabulary, merges=[], additional_special_tokens=special, chat_template=_CHAT
    )


def _clip(projection: bool = False) -> Any:
    kind = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return kind(
        transformers.CLIPTextConfig(
            vocab_size=514, hidden_size=WIDTH, projection_dim=WIDTH, intermediate_size=37, num_hidden_layers=3,
            num_attention_heads=4, max_position_embeddings=77, bos_token_id=512, eos_token_id=513, pad_token_id=513,
            hidden_act="gelu",
        )
    )  # fmt: skip


def _t5(width: int = WIDTH) -> Any:
    sizes = {"d_model": width, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}
    return transformers.T5EncoderModel(transformers.T5Config(vocab_size=128, **sizes))


_DECODER = {
    "hidden_size": WIDTH, "intermediate_size": 37, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip


def _gemma2() -> Any:
    config = transformers.Gemma2Config(vocab_size=262, head_dim=8, **{**_DECODER, "num_hidden_layers": 1})
    return transformers.Gemma2Model(config)


def _qwen3(causal: bool = False, layers: int = 3) -> Any:
    config = transformers.Qwen3Config(vocab_size=259, head_dim=8, **{**_DECODER, "num_hidden_layers": layers})
    return transformers.Qwen3ForCausalLM(config) if causal else transformers.Qwen3Model(config)


def _qwen25_vl() -> Any:
    text = {**_DECODER, "vocab_size": 259, "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]}}
    vision = {
        "depth": 1, "hidden_size": WIDTH, "intermediate_size": 37, "num_heads": 2, "out_hidden_size": WIDTH,
        "fullatt_block_indexes": [0],
    }  # fmt: skip
    return transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    )


def _vae(levels: int = 2, **more: Any) -> Any:
    """Latents are 2 ** (levels - 1) times smaller than pictures."""
    return diffusers.AutoencoderKL(
        block_out_channels=(16,) * (levels - 1) + (32,), norm_num_groups=8, layers_per_block=1, sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels, **more,
    )  # fmt: skip


def _unet(**more: Any) -> Any:
    options = {
        "block_out_channels": (16, 32), "layers_per_block": 1, "sample_size": 16, "norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "cross_attention_dim": WIDTH,
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": 4,
    }  # fmt: skip
    return diffusers.UNet2DConditionModel(**{**options, **more})


def _sd1() -> tuple[type, Parts]:
    parts = {
        "tokenizer": _clip_tokenizer(), "text_encoder": _clip(), "unet": _unet(), "vae": _vae(),
        "scheduler": diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1), "safety_checker": None,
        "feature_extractor": None,
    }  # fmt: skip
    return diffusers.StableDiffusionPipeline, parts


def _sdxl() -> tuple[type, Parts]:
    unet = _unet(
        addition_embed_type="text_time", addition_time_embed_dim=8, transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + WIDTH, cross_attention_dim=2 * WIDTH, attention_head_dim=(2, 4),
        use_linear_projection=True,
    )  # fmt: skip
    parts = {
        "tokenizer": _clip_tokenizer(), "tokenizer_2": _clip_tokenizer(), "text_encoder": _clip(),
        "text_encoder_2": _clip(projection=True), "unet": unet, "vae": _vae(4),
        "scheduler": diffusers.EulerDiscreteScheduler(),
    }  # fmt: skip
    return diffusers.StableDiffusionXLPipeline, parts


def _pixart() -> tuple[type, Parts]:
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=16, num_layers=2, attention_head_dim=8, num_attention_heads=3, in_channels=4, out_channels=8,
        cross_attention_dim=24, caption_channels=WIDTH, patch_size=2, use_additional_conditions=False,
    )  # fmt: skip
    parts = {
        "tokenizer": _t5_tokenizer(), "text_encoder": _t5(), "vae": _vae(), "transformer": transformer,
        "scheduler": diffusers.DPMSolverMultistepScheduler(),
    }  # fmt: skip
    return diffusers.PixArtSigmaPipeline, parts


def _flow_scheduler(**more: Any) -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler(**more)


def _sana() -> tuple[type, Parts]:
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=2, num_attention_heads=2, attention_head_dim=4,
        num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=WIDTH,
        sample_size=32,
    )  # fmt: skip
    vae = diffusers.AutoencoderDC(
        in_channels=3, latent_channels=4, attention_head_dim=2, encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"), encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)), decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu",
        scaling_factor=0.41407,
    )  # fmt: skip
    parts = {
        "tokenizer": _gemma_tokenizer(), "text_encoder": _gemma2(), "vae": vae, "transformer": transformer,
        "scheduler": _flow_scheduler(shift=3.0),
    }  # fmt: skip
    return diffusers.SanaPipeline, parts


def _flux() -> tuple[type, Parts]:
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    vae = _vae(shift_factor=0.0609, scaling_factor=1.5035, use_quant_conv=False, use_post_quant_conv=False)
    parts = {
        "tokenizer": _clip_tokenizer(), "text_encoder": _clip(), "tokenizer_2": _t5_tokenizer(),
        "text_encoder_2": _t5(), "vae": vae, "transformer": transformer,
        "scheduler": _flow_scheduler(use_dynamic_shifting=True),
    }  # fmt: skip
    return diffusers.FluxPipeline, parts


def _kontext() -> tuple[type, Parts]:
    _, parts = _flux()
    return diffusers.FluxKontextPipeline, parts


def _instruct_pix2pix() -> tuple[type, Parts]:
    _, parts = _sd1()
    parts |= {"unet": _unet(in_channels=8), "scheduler": diffusers.EulerAncestralDiscreteScheduler()}
    return diffusers.StableDiffusionInstructPix2PixPipeline, parts


def _sd1_inpaint() -> tuple[type, Parts]:
    _, parts = _sd1()
    return diffusers.StableDiffusionInpaintPipeline, parts | {"unet": _unet(in_channels=9)}


def _lumina2() -> tuple[type, Parts]:
    transformer = diffusers.Lumina2Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, hidden_size=32, num_layers=2, num_refiner_layers=1,
        num_attention_heads=2, num_kv_heads=1, multiple_of=16, scaling_factor=1.0, axes_dim_rope=(4, 6, 6),
        axes_lens=(300, 64, 64), cap_feat_dim=WIDTH,
    )  # fmt: skip
    vae = _vae(4, shift_factor=0.0609, scaling_factor=1.5035)  # the pipeline takes latents for 8 times smaller
    parts = {
        "tokenizer": _gemma_tokenizer(), "text_encoder": _gemma2(), "vae": vae, "transformer": transformer,
        "scheduler": _flow_scheduler(),
    }  # fmt: skip
    return diffusers.Lumina2Pipeline, parts


def _z_image() -> tuple[type, Parts]:
    transformer = diffusers.ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2,
        n_kv_heads=2, cap_feat_dim=WIDTH, axes_dims=[8, 4, 4], axes_lens=[600, 64, 64],
    )  # fmt: skip
    parts = {
        "tokenizer": _qwen_tokenizer(), "text_encoder": _qwen3(), "vae": _vae(shift_factor=0.1),
        "transformer": transformer, "scheduler": _flow_scheduler(),
    }  # fmt: skip
    return diffusers.ZImagePipeline, parts


def _qwen_image() -> tuple[type, Parts]:
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=WIDTH, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 2], num_res_blocks=1, temperal_downsample=[False], latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )  # fmt: skip
    parts = {
        "tokenizer": _qwen_tokenizer(), "text_encoder": _qwen25_vl(), "vae": vae, "transformer": transformer,
        "scheduler": _flow_scheduler(use_dynamic_shifting=True),
    }  # fmt: skip
    return diffusers.QwenImagePipeline, parts


def _sd3() -> tuple[type, Parts]:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=1, in_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=4,
        caption_projection_dim=32, joint_attention_dim=2 * WIDTH, pooled_projection_dim=2 * WIDTH, out_channels=4,
    )  # fmt: skip
    parts = {
        "tokenizer": _clip_tokenizer(), "text_encoder": _clip(projection=True), "tokenizer_2": _clip_tokenizer(),
        "text_encoder_2": _clip(projection=True), "tokenizer_3": _t5_tokenizer(), "text_encoder_3": _t5(2 * WIDTH),
        "vae": _vae(shift_factor=0.0609), "transformer": transformer, "scheduler": _flow_scheduler(),
    }  # fmt: skip
    return diffusers.StableDiffusion3Pipeline, parts


def _flux2_klein() -> tuple[type, Parts]:
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=3 * WIDTH, timestep_guidance_channels=256, axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )  # fmt: skip
    vae = diffusers.AutoencoderKLFlux2(
        block_out_channels=(16, 32), norm_num_groups=8, latent_channels=4, layers_per_block=1, sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, patch_size=(2, 2),
    )  # fmt: skip
    parts = {
        "tokenizer": _qwen_tokenizer(), "vae": vae, "transformer": transformer,
        "text_encoder": _qwen3(causal=True, layers=27),  # its features are the states after layers 9, 18 and 27
        "scheduler": _flow_scheduler(use_dynamic_shifting=True),
    }  # fmt: skip
    return diffusers.Flux2KleinPipeline, parts


_BUILDERS: dict[str, Callable[[], tuple[type, Parts]]] = {
    "sd1": _sd1, "sdxl": _sdxl, "pixart-sigma": _pixart, "sana": _sana, "flux": _flux, "lumina2": _lumina2,
    "z-image": _z_image, "qwen-image": _qwen_image, "sd3": _sd3, "flux2-klein": _flux2_klein, "flux-kontext": _kontext,
    "instruct-pix2pix": _instruct_pix2pix, "sd1-inpaint": _sd1_inpaint,
}  # fmt: skip


def build_pipeline(family: str) -> Any:
    """A pipeline of the family, the same weights each time."""
    torch.manual_seed(0)
    kind, parts = _BUILDERS[family]()
    return kind(**parts)


def without_t5() -> Any:
    """Stable Diffusion 3 as it is kept where memory is short: without the third, largest text encoder."""
    pipe = build_pipeline("sd3")
    return type(pipe)(**{**pipe.components, "text_encoder_3": None, "tokenizer_3": None})


def write_checkpoint(folder: Path, family: str, **options: Any) -> Path:
    """Saves a tiny checkpoint of the family as diffusers does: a folder a part, safetensors, model_index.json.

    `options` are those of `save_pretrained`: variant="fp16", max_shard_size="20KB".
    """
    build_pipeline(family).save_pretrained(folder, safe_serialization=True, **options)
    return folder


class Checkpoints:
    """Tiny checkpoints of every family below one folder, each written when first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, family: str) -> Path:
        folder = self.root / family
        return folder if folder.is_dir() else write_checkpoint(folder, family)

    def copy(self, family: str, folder: Path) -> Path:
        """A copy to do harm to."""
        shutil.copytree(self(family), folder)
        return folder
