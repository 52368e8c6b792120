"""The simulation of many workers does all shards once, and few workers lose next to nothing."""

from benchmarks.thousand_lanes import simulate


def test_few_workers_take_as_long_as_their_work() -> None:
    told = simulate(workers=5, shards_each=40, seconds=120, limit=3500, deaths=0, slow=0)
    assert 1 <= told["over its work"] < 1.1


def test_more_workers_ask_more_of_the_store_for_each_shard() -> None:
    few, many = (simulate(count, 10, 120, 3500, 0.02, 0.02)["requests a shard"] for count in (10, 100))
    assert many > 1.3 * few
