"""Checkpoints of published sizes with random weights: speed does not depend on the values of weights."""

from pathlib import Path
from typing import Any, Literal

import torch

from tests.models.diffusers.checkpoints import WIDTH, build_pipeline

# What the published checkpoints' configurations set beyond the classes' defaults; the width of text features is ours.
REAL: dict[str, dict[str, dict[str, Any]]] = {
    "sdxl": {
        "unet": {
            "sample_size": 128, "block_out_channels": (320, 640, 1280), "layers_per_block": 2, "norm_num_groups": 32,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": (5, 10, 20), "transformer_layers_per_block": (1, 2, 10),
        },
        "vae": {
            "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32,
            "sample_size": 1024, "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
        },
    },
    "sana": {
        "transformer": {
            "in_channels": 32, "out_channels": 32, "num_layers": 20, "num_attention_heads": 70,
            "attention_head_dim": 32, "num_cross_attention_heads": 20, "cross_attention_head_dim": 112,
            "cross_attention_dim": 2240, "mlp_ratio": 2.5, "sample_size": 32,
        },
        "vae": {
            "latent_channels": 32, "attention_head_dim": 32,
            "encoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
            "decoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
            "encoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
            "decoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
            "encoder_layers_per_block": (2, 2, 2, 3, 3, 3), "decoder_layers_per_block": (3, 3, 3, 3, 3, 3),
            "encoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
            "decoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
        },
    },
    "flux": {
        "transformer": {
            "in_channels": 64, "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128,
            "num_attention_heads": 24, "axes_dims_rope": (16, 56, 56),
        },
        "vae": {
            "latent_channels": 16, "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2,
            "norm_num_groups": 32, "sample_size": 1024, "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
        },
    },
}  # fmt: skip

# CLIP ViT-L/14 and OpenCLIP ViT-bigG/14
TEXT_ENCODERS: dict[str, dict[str, Any]] = {
    "text_encoder": {
        "hidden_size": 768, "projection_dim": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "vocab_size": 49408, "hidden_act": "quick_gelu",
    },
    "text_encoder_2": {
        "hidden_size": 1280, "projection_dim": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
        "num_attention_heads": 20, "vocab_size": 49408,
    },
}  # fmt: skip


def real_size(family: str) -> Any:
    """A pipeline with tiny text encoders and published sizes otherwise, without weights (on `meta`)."""
    tiny = build_pipeline(family)
    parts = dict(tiny.components)
    for part, sizes in REAL[family].items():
        own = {name: value for name, value in tiny.components[part].config.items() if not name.startswith("_")}
        with torch.device("meta"):
            parts[part] = type(tiny.components[part]).from_config({**own, **sizes})
    if family == "sdxl":
        assert parts["unet"].config.cross_attention_dim == 2 * WIDTH
    return type(tiny)(**parts)


def write_checkpoint(folder: Path, family: str, device: str) -> Path:
    """Saves a checkpoint with random weights: on a GPU of the real size in bfloat16, else the tiny one."""
    if device == "cpu":
        build_pipeline(family).save_pretrained(folder)
        return folder
    pipe = real_size(family)
    for part in REAL[family]:
        network = pipe.components[part].to(torch.bfloat16).to_empty(device=device)
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.02)
        network.to("cpu")
    pipe.save_pretrained(folder)
    return folder


def write_text_checkpoint(folder: Path, device: str) -> Path:
    """Saves an SDXL checkpoint with random text encoders, on a GPU of the published size, and all else tiny."""
    pipe = build_pipeline("sdxl")
    if device != "cpu":
        parts = dict(pipe.components)
        for part, sizes in TEXT_ENCODERS.items():
            config = type(parts[part].config)(**{**parts[part].config.to_dict(), **sizes})
            with torch.device(device):
                parts[part] = type(parts[part])(config).to("cpu", torch.bfloat16)
        unet = {name: value for name, value in pipe.unet.config.items() if not name.startswith("_")}
        widths = [TEXT_ENCODERS[part]["hidden_size"] for part in TEXT_ENCODERS]
        unet |= {"cross_attention_dim": sum(widths), "projection_class_embeddings_input_dim": 6 * 8 + widths[-1]}
        parts["unet"] = type(pipe.unet).from_config(unet)
        pipe = type(pipe)(**parts)
    pipe.save_pretrained(folder)
    return folder


def base_dtype(device: str) -> Literal["float32", "bfloat16"]:
    """The default dtype of a device."""
    return "float32" if device == "cpu" else "bfloat16"
