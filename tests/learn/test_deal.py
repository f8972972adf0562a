"""Dealing the order of an epoch: each sample once, in its order, whoever takes part and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.learn.deal import Deal, share

COUNTS = st.integers(1, 7)


@given(st.integers(0, 1000), st.integers(1, 40))
def test_shares_cover_everything(n_samples, n_ranks):
    """Shares follow each other, cover everything and differ by one at most."""
    parts = [share(n_samples, rank, n_ranks) for rank in range(n_ranks)]
    edges = [start for start, _ in parts] + [n_samples]
    assert edges == [0, *(stop for _, stop in parts)]
    sizes = {stop - start for start, stop in parts}
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(0, 90), COUNTS, COUNTS, st.booleans(), st.data())
def test_steps_follow_each_other(n_samples, n_ranks, batch_size, is_even, data):
    """Steps cover the order; batches are full but at the end; ranks get as many as each other."""
    deal = Deal(n_samples, n_ranks, batch_size, is_even)
    steps = list(deal.steps())
    edges = [start for start, _ in steps] + [n_samples]
    assert edges == [0, *(stop for _, stop in steps)]
    parts = [[deal.part(step, rank) for rank in range(n_ranks)] for step in steps]
    sizes = [[stop - start for start, stop in step] for step in parts]
    assert all(size == batch_size for step in sizes[:-2] for size in step)
    assert all(0 <= size <= batch_size for step in sizes for size in step)
    if not is_even:
        assert all(size == batch_size for step in sizes[:-1] for size in step)
    elif n_samples >= 2 * n_ranks and batch_size > 1:
        assert all(size for step in sizes for size in step)
    for rank in range(n_ranks):
        n_full, last = deal.sizes(rank)
        own = [step[rank] for step in sizes if step[rank]]
        assert own == [batch_size] * n_full + last
    every = data.draw(COUNTS)
    for first in range(every):
        assert list(deal.steps(0, first, every)) == steps[first::every]
    for count, step in enumerate(steps):
        assert list(deal.steps(step.start)) == steps[count:]  # whenever it goes on
        assert deal.place_after(0, count) == step.start
    assert deal.place_after(0, len(steps) + 3) == n_samples


@given(
    st.integers(1, 200),
    st.lists(st.tuples(COUNTS, COUNTS, COUNTS, st.integers(0, 9)), max_size=4),
    st.booleans(),
)
def test_any_others_go_on(n_samples, sessions, is_even):
    """Jobs of any ranks, workers and batches that follow each other give the order once."""
    seen, done = [], 0
    for n_ranks, n_workers, batch_size, n_steps in [*sessions, (2, 3, 4, 1 << 30)]:
        deal = Deal(n_samples, n_ranks, batch_size, is_even)
        workers = [list(deal.steps(done, worker, n_workers)) for worker in range(n_workers)]
        in_turn = [
            workers[index % n_workers][index // n_workers]
            for index in range(min(n_steps, sum(map(len, workers))))
        ]
        for step in in_turn:
            for rank in range(n_ranks):
                seen += range(*deal.part(step, rank))
        done = deal.place_after(done, n_steps)
        assert seen == list(range(done))
    assert done == n_samples
