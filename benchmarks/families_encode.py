"""Captions to features by Gemma on a GPU, from what `benchmarks.families_pack` packed. Needs nothing of this project.

python benchmarks/families_encode.py .pack/words /dev/shm/f
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, dequantize
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import Gemma3TextConfig, Gemma3TextModel

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
AT_ONCE = 4096  # captions in one forward pass


def network_of(types: dict[str, str], tensors: dict[str, Tensor]) -> Gemma3TextModel:
    """Gemma's first blocks, with the used rows of its embedding."""
    used = len(tensors["embed_tokens.weight"])
    config = Gemma3TextConfig(**{**json.loads(types.pop("config")), "vocab_size": used, "pad_token_id": None})
    network = Gemma3TextModel._from_config(config, dtype=torch.bfloat16)
    state = {}
    for name, kind in types.items():
        values = torch.from_numpy(dequantize(tensors[name].numpy(), GGMLQuantizationType[kind]))
        state[name] = (values - 1 if name.endswith("norm.weight") else values).bfloat16()  # as models/text/gemma.py
    network.load_state_dict(state)
    return network.to(DEVICE).eval()


@torch.inference_mode()
def encode(words: Path, out: Path) -> None:
    """Writes `features.safetensors`, the same as `tasks.training.data.feature_cache` keeps."""
    began = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    with safe_open(words / "words.safetensors", "pt") as file:
        types, tensors = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network = network_of(types, tensors)
    ids = torch.from_numpy(tensors["ids"].numpy().view(np.uint16).astype(np.int64))
    rows = ids.split(tensors["lengths"].tolist())
    made: list[Tensor] = [torch.empty(0)] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        batch = torch.nn.utils.rnn.pad_sequence([rows[i] for i in some], batch_first=True).to(DEVICE)
        mask = (torch.arange(batch.shape[1]) < torch.tensor([[len(rows[i])] for i in some])).to(DEVICE)
        states = network(input_ids=batch, attention_mask=mask.long()).last_hidden_state.half().cpu()
        for i, features in zip(some, states, strict=True):
            made[i] = features[: len(rows[i])]
    save_file({"tokens": torch.cat(made), "lengths": tensors["lengths"].long()}, out / "features.safetensors")
    print(f"{len(rows)} captions, {len(ids)} tokens, {time.perf_counter() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    encode(Path(sys.argv[1]), Path(sys.argv[2]))
