import pickle

import pyarrow as pa
import torch

from tasks.prompts.shards import Shard
from tasks.render.shard_state import Picture, Prompt, RenderShard


def test_a_shard_goes_to_another_process_as_large_as_its_pictures() -> None:
    batch, features = torch.rand(16, 3, 32, 32), torch.rand(16, 5, 8)
    prompts = [Prompt(row, str(row), "text", [row], 32, 32) for row in range(16)]
    work = RenderShard(Shard(0, 0, 16), prompts, [], pa.table({}))
    work.pictures = [Picture(prompt, 0) for prompt in prompts]
    for row, (prompt, picture) in enumerate(zip(prompts, work.pictures, strict=True)):
        prompt.features, picture.pixels = features[row], batch[row]  # views: one buffer for all of them

    data = pickle.dumps(work)
    there = pickle.loads(data)

    assert len(data) < 1.1 * (batch.nbytes + features.nbytes) + 10_000
    for row, picture in enumerate(there.pictures):
        assert torch.equal(picture.pixels, batch[row])
        assert picture.prompt is there.prompts[row]
        assert torch.equal(picture.prompt.features, features[row])
        picture.pixels.mul_(0)  # its own, to be changed
