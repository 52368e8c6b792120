"""An enhancement chain whose files lie in an object store: a reference picture, a mask, a denoiser."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.filters.denoiser import DEFAULT
from tasks.enhance.chain import enhance, open_chain
from tasks.runfolder.errors import BadInput
from tests.integration.s3 import S3


def test_reference_mask_and_denoiser_in_s3_do_as_local_ones(
    s3: S3, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    red, mask = np.full((8, 8, 3), (200, 60, 40), np.uint8), np.pad(np.full((4, 4), 255, np.uint8), 14)
    for name, pixels in (("red.png", red), ("mask.png", mask)):
        held = io.BytesIO()
        Image.fromarray(pixels).save(held, "PNG")
        (tmp_path / name).write_bytes(held.getvalue())
        s3.filesystem().pipe_file(f"{bucket}/{name}", held.getvalue())
    s3.filesystem().put(f"{DEFAULT}/", f"{bucket}/denoiser/", recursive=True)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    made = {}
    for place, network in ((bucket, f"{bucket}/denoiser"), (str(tmp_path), "default")):
        text = f"denoise-learned:{network},palette:{place}/red.png@0.5,inpaint:{place}/mask.png"
        chain, files = open_chain(text)
        made[place] = enhance(images, chain), sorted(files.values())
    (remote, digests), (local, same_digests) = made.values()
    assert torch.equal(remote, local) and not torch.equal(local, images)
    assert digests == same_digests


def test_reference_that_is_not_in_s3_is_a_sentence(s3: S3, bucket: str) -> None:
    with pytest.raises(BadInput, match=r"none\.png: no such file or folder"):
        open_chain(f"palette:{bucket}/none.png")
