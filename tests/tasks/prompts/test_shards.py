import itertools

import numpy as np

from tasks.prompts.shards import (
    SHARD_PIXELS,
    auto_shard_size,
    cut_by_file,
    cut_by_pixels,
    cut_evenly,
    shards_between,
    taper,
)


def test_shards_cover_every_row_once() -> None:
    shards = list(shards_between(cut_evenly(13, 4)))
    assert [(s.row, s.rows) for s in shards] == [(0, 4), (4, 4), (8, 4), (12, 1)]
    assert [s.name for s in shards] == ["00000", "00001", "00002", "00003"]


def test_a_run_begun_before_cuts_every_file_anew() -> None:
    shards = list(shards_between(cut_by_file([10, 0, 3], 4)))
    assert [(s.row, s.rows) for s in shards] == [(0, 4), (4, 4), (8, 2), (10, 3)]


def test_ten_million_rows_plan_without_being_read() -> None:
    assert sum(shard.rows for shard in shards_between(cut_evenly(10_000_000, 256))) == 10_000_000


def test_shards_of_large_pictures_have_fewer_rows() -> None:
    assert auto_shard_size(10_000, 128, 128, 32) == 256
    assert auto_shard_size(10_000, 1024, 1024, 4) == 16
    assert auto_shard_size(10_000, 8192, 8192, 32) == 1
    assert auto_shard_size(48, 128, 128, 4) == 16


def test_shards_of_many_pictures_a_row_have_fewer_rows() -> None:
    assert auto_shard_size(10_000, 1024, 1024, 4, count=4) == 4
    assert auto_shard_size(10_000, 128, 128, 32, count=100) == 8  # 10 rows would fit: 800 pictures are whole batches
    assert auto_shard_size(10_000, 128, 128, 32, count=1000) == 1


def test_shards_are_whole_batches() -> None:
    assert auto_shard_size(48, 128, 128, 32) == 32
    assert auto_shard_size(10_000, 128, 128, 24) == 240
    assert auto_shard_size(10_000, 896, 896, 5) == 20
    assert auto_shard_size(10_000, 2048, 2048, 7) == 4  # memory has no room for a whole one


def test_a_shard_is_cut_where_its_pixels_grow() -> None:
    pixels = np.array([1, 1, 1, 1, SHARD_PIXELS, 5 * SHARD_PIXELS, 1, 1, 1, SHARD_PIXELS - 2, 1, 1])
    chunks = [pixels[:3], pixels[3:3], pixels[3:]]
    cuts = cut_by_pixels(iter(chunks), 6, SHARD_PIXELS, 1)
    assert cuts.tolist() == [0, 4, 5, 6, 9, 12]
    shares = [pixels[a:b].sum() for a, b in itertools.pairwise(cuts)]
    assert all(share <= SHARD_PIXELS or share == 5 * SHARD_PIXELS for share in shares)


def test_equal_rows_are_cut_alike_whatever_the_chunks() -> None:
    pixels = np.full(1000, 1 << 20)
    wanted = cut_evenly(1000, 16).tolist()
    for size in (1, 7, 16, 999, 1000):
        chunks = (pixels[i : i + size] for i in range(0, 1000, size))
        assert cut_by_pixels(chunks, 256, SHARD_PIXELS, 4).tolist() == wanted


def test_a_shard_that_is_cut_short_has_whole_batches() -> None:
    assert cut_by_pixels([np.full(100, SHARD_PIXELS // 10)], 64, SHARD_PIXELS, 4).tolist()[:4] == [0, 8, 16, 24]


def test_the_first_and_the_last_shard_are_cut_down_to_a_batch() -> None:
    assert taper(cut_evenly(48, 16), 4).tolist() == [0, 4, 8, 16, 32, 40, 44, 48]
    assert taper(cut_evenly(700, 64), 32).tolist()[:3] == [0, 32, 64]
    assert taper(cut_evenly(33, 16), 16).tolist() == [0, 16, 32, 33]
    assert taper(cut_evenly(16, 16), 4).tolist() == [0, 16]
    assert taper(cut_evenly(0, 16), 4).tolist() == [0]
