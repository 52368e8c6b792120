from flows.lanes.turns import Turn, Turns


def has_begun(turn: Turn) -> bool:
    before = turn._before
    return before is None or before._ended.is_set()


def test_a_model_waits_until_all_shards_of_the_group_are_done_with_the_one_before() -> None:
    group = Turns(["encoder", "generator"]).of_group(2)
    assert has_begun(group["encoder"])
    group["encoder"].leave()
    assert not has_begun(group["generator"])
    group["encoder"].leave()
    assert has_begun(group["generator"])


def test_the_next_group_waits_for_the_last_model_of_this_one() -> None:
    turns = Turns(["encoder", "generator"])
    this, following = turns.of_group(1), turns.of_group(1)
    this["encoder"].leave()
    assert not has_begun(following["encoder"])
    this["generator"].leave()
    assert has_begun(following["encoder"])
    following["encoder"].wait()


def test_nothing_waits_where_all_models_fit() -> None:
    assert Turns([]).of_group(3) == {}
