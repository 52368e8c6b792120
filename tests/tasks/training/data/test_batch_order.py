"""Which rows a step takes: all of them once an epoch, whatever the batch, and the same for the same seed."""

import torch

from tasks.training.data.batch_order import rows_of_step


def test_steps_take_every_row_once_an_epoch_also_where_batches_do_not_divide_it() -> None:
    pool = torch.tensor([3, 5, 7, 11, 13, 17, 19])
    taken = [row for step in range(7) for row in rows_of_step(pool, 3, step, seed=4, stream=0)]
    for epoch in range(3):
        assert sorted(taken[epoch * 7 : (epoch + 1) * 7]) == pool.tolist()
    assert taken[:7] != taken[7:14]


def test_a_step_s_rows_depend_on_seed_stream_and_step_alone() -> None:
    pool = torch.arange(50)
    later = rows_of_step(pool, 8, 9, seed=1, stream=2)
    rows_of_step(pool, 8, 0, seed=1, stream=2)  # an epoch before
    assert rows_of_step(pool, 8, 9, seed=1, stream=2) == later
    assert rows_of_step(pool, 8, 9, seed=2, stream=2) != later
    assert rows_of_step(pool, 8, 9, seed=1, stream=3) != later
