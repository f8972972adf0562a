"""The order of an epoch: a permutation, in parts, local and repeatable."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.learn.shuffle import EpochOrder, find_blocks
from digit_sequence.read.dataset import Dataset as NumberDataset
from digit_sequence.read.dataset import DatasetLayout, open_dataset
from digit_sequence.read.split import Split


def make_split(n_samples: int, shard_samples: int) -> Split:
    """Return a split of which nothing is read."""
    layout = DatasetLayout("nowhere", "", 8, 8, 8, shard_samples, {"train": n_samples}, False)
    return NumberDataset(layout, {"splits": {"train": {"samples": n_samples}}})["train"]


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """Draw a whole split, a slice of one, or samples in any order."""
    split = make_split(draw(st.integers(1, 60)), draw(st.integers(1, 12)))
    match draw(st.sampled_from(["whole", "slice", "step", "any"])):
        case "slice":
            return split[draw(st.integers(0, 10)) : draw(st.integers(11, 60))]
        case "step":
            return split[:: draw(st.sampled_from([-3, -1, 2]))]
        case "any":
            return split.take(draw(st.permutations(range(len(split)))))
    return split


@given(splits())
def test_blocks_are_the_shards(split):
    """Each position is in one block, and the samples of a block are in one shard of their own."""
    blocks = find_blocks(split)
    assert blocks.n_samples == len(split)
    groups = [blocks.positions(block) for block in range(len(blocks.starts) - 1)]
    assert sorted(np.concatenate([np.empty(0, int), *groups])) == list(range(len(split)))
    ordinals = np.array(split.ordinals)
    shards = [set(ordinals[group] // split.dataset.shard_samples) for group in groups if len(group)]
    assert all(len(shard) == 1 for shard in shards)
    assert len(shards) == len(set().union(*shards))


@given(splits(), st.integers(0, 3), st.booleans(), st.integers(1, 5), st.data())
def test_order_is_a_permutation_in_parts(split, epoch, is_shuffled, window_shards, data):
    """An epoch shows each sample once, and any parts of its order are those of the whole."""
    order = EpochOrder(find_blocks(split), 7, epoch, is_shuffled, window_shards)
    whole = [p for window in order.positions([(0, len(split))]) for p in window.tolist()]
    assert sorted(whole) == list(range(len(split)))
    ends = sorted(data.draw(st.lists(st.integers(0, len(split)), max_size=8)))
    parts = list(zip(ends[::2], ends[1::2], strict=False))
    found = [p for window in order.positions(parts) for p in window.tolist()]
    assert found == [p for start, stop in parts for p in whole[start:stop]]


def test_order_depends_on_seed_and_epoch():
    """Another seed or epoch is another order; the same are the same, in any process or release."""
    blocks = find_blocks(make_split(1000, 10))

    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(list(EpochOrder(blocks, seed, epoch).positions([(0, 1000)]))).tolist()

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4
    assert order(1, 0)[:8] == [576, 837, 208, 787, 42, 297, 421, 783]


def test_unshuffled_order_is_that_of_the_split():
    """Without shuffling, samples come as they stand."""
    order = EpochOrder(find_blocks(make_split(25, 4)), 1, 5, is_shuffled=False)
    assert np.concatenate(list(order.positions([(3, 20)]))).tolist() == list(range(3, 20))


def test_a_window_stays_in_its_shards():
    """Eight shards at a time are read, all of their samples before any other's."""
    order = EpochOrder(find_blocks(make_split(1000, 10)), 1, 0)
    for window in order.positions([(0, 1000)]):
        shards = {int(position) // 10 for position in window}
        assert len(window) == 10 * len(shards)
        assert len(shards) <= 8


def test_memory_is_that_of_a_window():
    """The order of ten million samples takes a few windows' memory, not theirs."""
    blocks = find_blocks(make_split(10**7, 1000))
    tracemalloc.start()
    for count, _ in enumerate(EpochOrder(blocks, 1, 0).positions([(5_000_000, 10**7)])):
        if count == 20:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000  # one int64 for each sample would be 80,000,000


def test_reads_what_is_there(built):
    """Positions of a shuffled order read the samples that they name."""
    train = open_dataset(built(container="webdataset"))["train"]
    (window,) = EpochOrder(find_blocks(train), 3, 0).positions([(0, 12)])
    found = train.read_batch(window, ["ordinal"]).labels["ordinal"].to_pylist()
    assert found == window.tolist()
    assert sorted(found) == list(range(12))
    with pytest.raises(IndexError):
        train.read_batch([12])
