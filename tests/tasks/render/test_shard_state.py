import pickle

import pyarrow as pa
import torch

from tasks.prompts.shards import SHARD_PIXELS, Shard
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


def _sized(counts: list[int], edge: int = 1024) -> RenderShard:
    prompts = [Prompt(row, chr(97 + row), "text", list(range(count)), edge, edge) for row, count in enumerate(counts)]
    return RenderShard(Shard(0, 0, len(counts)), prompts, [], pa.table({}))


def _parts(work: RenderShard) -> list[list[str]]:
    parts = []
    while not parts or work.more:
        work.next_part(SHARD_PIXELS)
        parts.append([picture.id for picture in work.pictures])
    return parts


def test_a_shard_of_many_pixels_comes_in_parts_of_whole_prompts_or_of_one() -> None:
    at_once = SHARD_PIXELS // 1024**2
    parts = _parts(_sized([2, 3 * at_once + 1, 1, 1]))
    assert [len(part) for part in parts] == [2, at_once, at_once, at_once, 1, 2]
    assert [id for part in parts[1:-1] for id in part] == [f"b~{number}" for number in range(3 * at_once + 1)]
    assert _parts(_sized([at_once])) == [[f"a~{number}" for number in range(at_once)]]
    assert [len(part) for part in _parts(_sized([2], 5000))] == [1, 1], "a picture larger than a part is one"
    assert _parts(_sized([])) == [[]]


def test_what_a_failed_prompt_would_still_get_is_not_made() -> None:
    at_once = SHARD_PIXELS // 1024**2
    work = _sized([2 * at_once, 1, at_once])
    work.next_part(SHARD_PIXELS)
    work.fail("generate", {work.prompts[0]: "no"})
    assert work.pictures == []
    assert [len(part) for part in _parts(work)] == [1, at_once]
