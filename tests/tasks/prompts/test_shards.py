from tasks.prompts.prompt_files import Source
from tasks.prompts.shards import auto_shard_size, plan_shards


def test_shards_cover_every_row_once_across_files() -> None:
    sources = (Source("a", 10, 0, ""), Source("b", 3, 0, ""))
    shards = list(plan_shards(sources, 4))
    assert [(s.source, s.start, s.row, s.rows) for s in shards] == [
        (0, 0, 0, 4),
        (0, 4, 4, 4),
        (0, 8, 8, 2),
        (1, 0, 10, 3),
    ]
    assert [s.name for s in shards] == ["00000", "00001", "00002", "00003"]


def test_ten_million_rows_plan_without_being_read() -> None:
    shards = plan_shards((Source("huge", 10_000_000, 0, ""),), 256)
    assert sum(shard.rows for shard in shards) == 10_000_000


def test_shards_of_large_pictures_have_fewer_rows() -> None:
    assert auto_shard_size(10_000, 128, 128, 32) == 256
    assert auto_shard_size(10_000, 1024, 1024, 4) == 16
    assert auto_shard_size(10_000, 8192, 8192, 32) == 1
    assert auto_shard_size(48, 128, 128, 4) == 16


def test_shards_are_whole_batches() -> None:
    assert auto_shard_size(48, 128, 128, 32) == 32
    assert auto_shard_size(10_000, 128, 128, 24) == 240
    assert auto_shard_size(10_000, 896, 896, 5) == 20
    assert auto_shard_size(10_000, 2048, 2048, 7) == 4  # memory has no room for a whole one
