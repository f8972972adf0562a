"""The pools of the splits: no glyph in two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digit_sequence.base.errors import SourceError
from digit_sequence.base.names import SPLITS
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.mnist import DOUBTFUL, MnistSettings
from digit_sequence.sources.pools import (
    GlyphPool,
    check_disjoint,
    count_held_out,
    partition_glyphs,
)

REAL_MNIST = Path(__file__).parents[2] / "../shared/mnist"


def make_bank(digits, parts=None):
    """Make a bank of which only the digits and parts matter."""
    digits = np.asarray(digits, np.uint8)
    parts = np.zeros_like(digits) if parts is None else np.asarray(parts, np.uint8)
    images = np.arange(2 * len(digits)).astype(">u4").view(np.uint8).reshape(-1, 2, 4)
    return GlyphBank(images, digits, parts, np.ones((len(digits), 4), np.int16), "")


def make_source(val_fraction, test_fraction):
    """Make a source of which only the fractions matter."""
    return IdxSettings(
        name="idx", images="", labels="", val_fraction=val_fraction, test_fraction=test_fraction
    )


FRACTIONS = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: sum(pair) < 1)


@given(
    digits=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    fractions=FRACTIONS,
)
@settings(deadline=None)
def test_partition_is_complete_disjoint_and_grouped(digits, fractions):
    """Each glyph is in one pool, under its digit, in ascending order."""
    pools = partition_glyphs(make_bank(digits), make_source(*fractions))
    assert list(pools) == list(SPLITS)
    check_disjoint(pools)
    ids = np.concatenate([pool.ids for pool in pools.values()])
    assert sorted(ids.tolist()) == list(range(len(digits)))
    for pool in pools.values():
        assert (pool.ids.dtype, pool.starts.dtype) == (np.int32, np.int64)
        assert pool.starts.shape == (52,)
        assert pool.starts[-1] == len(pool.ids)
        for digit in range(10):
            own = pool.ids[pool.starts[digit] : pool.starts[digit + 1]].tolist()
            assert own == sorted(own)
            assert all(digits[glyph] == digit for glyph in own)


@given(n_glyphs=st.integers(0, 10_000), fractions=FRACTIONS)
@settings(deadline=None)
def test_held_out_counts(n_glyphs, fractions):
    """Counts are near the fractions and leave a glyph to each share that wants one."""
    counts = count_held_out(n_glyphs, *fractions)
    for count, fraction in zip(counts, fractions, strict=True):
        assert count >= 0
        assert fraction > 0 or count == 0
        if n_glyphs >= 3:
            assert fraction == 0 or count >= 1
            assert abs(count - n_glyphs * fraction) <= 2
    assert n_glyphs == 0 or sum(counts) <= n_glyphs - 1


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ((500, 0.1, 0.1), (50, 50)),
        ((5, 0.1, 0.0), (1, 0)),  # 0.5: half up
        ((100, 0.004, 0.0), (1, 0)),  # one where a fraction is above 0
        ((3, 0.3, 0.6), (1, 1)),
        ((4, 0.49, 0.5), (2, 1)),  # 2 + 2 would leave train none
        ((2, 0.4, 0.4), (1, 0)),
        ((2, 0.1, 0.1), (0, 0)),
        ((1, 0.9, 0.05), (0, 0)),
        ((0, 0.5, 0.3), (0, 0)),
    ],
)
def test_held_out_counts_by_hand(arguments, counts):
    """Rounding, worked by hand."""
    assert count_held_out(*arguments) == counts


@given(
    digits=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    fractions=FRACTIONS,
    data=st.data(),
)
@settings(deadline=None)
def test_copies_of_an_image_stay_together(digits, fractions, data):
    """Glyphs of one image are in one split, in test if one is for test alone; no other moves."""
    n_glyphs = len(digits)
    first = [data.draw(st.integers(0, n)) if n % 3 == 2 else n for n in range(n_glyphs)]
    parts = data.draw(st.lists(st.integers(0, 1), min_size=n_glyphs, max_size=n_glyphs))
    bank = make_bank(digits, parts)
    before, after = (
        {
            glyph: split
            for split, pool in partition_glyphs(it, make_source(*fractions)).items()
            for glyph in pool.ids.tolist()
        }
        for it in (bank, replace(bank, images=bank.images[first]))
    )
    assert before.keys() == after.keys() == set(range(n_glyphs))
    images = [bank.images[it].tobytes() for it in first]
    for glyph, split in after.items():
        same = [it for it in range(n_glyphs) if images[it] == images[glyph]]
        assert {after[it] for it in same} == {split}
        expected = "test" if any(parts[it] for it in same) else before[min(same)]
        assert split == expected


def test_copies_of_two_writers_are_refused():
    """Writers stay whole, so an image of two of them, in two splits, is told with what to do."""
    bank = make_bank([3] * 40)
    images = bank.images.copy()
    images[20:] = images[:20]
    bank = replace(bank, images=images, writers=np.arange(40, dtype=np.int32))
    source = make_source(0.3, 0.3).model_copy(update={"split_by": "writer"})
    with pytest.raises(SourceError, match=r"again as glyph \d+, one of \d+; exclude one of them"):
        partition_glyphs(bank, source)
    alone = source.model_copy(update={"exclude": tuple(range(20, 40))})
    assert sum(len(pool.ids) for pool in partition_glyphs(bank, alone).values()) == 20


def test_partition_is_fixed():
    """The same glyphs go to the same splits in every release: a change here is a leak."""
    pools = partition_glyphs(make_bank([3] * 12 + [8] * 6), make_source(0.25, 0.25))
    assert {split: pool.ids.tolist() for split, pool in pools.items()} == {
        "train": [1, 3, 6, 8, 9, 11, 14, 15],
        "val": [0, 2, 5, 12, 17],
        "test": [4, 7, 10, 13, 16],
    }


def test_partition_of_mnist():
    """Test has the part of t10k and nothing else; val and train share the rest."""
    digits = np.tile(np.arange(10), 40)
    parts = np.repeat([0, 1], [300, 100])
    pools = partition_glyphs(
        make_bank(digits, parts),
        MnistSettings(name="mnist", val_fraction=0.2, keep_doubtful=True),
    )
    assert sorted(pools["test"].ids.tolist()) == list(range(300, 400))
    assert np.diff(pools["val"].starts).tolist() == [6] * 10 + [0] * 41
    assert np.diff(pools["train"].starts).tolist() == [24] * 10 + [0] * 41
    check_disjoint(pools)


def test_no_fraction_makes_empty_pools():
    """All three pools are there, and what has no fraction is empty."""
    pools = partition_glyphs(make_bank([1, 1, 1, 2]), make_source(0, 0))
    assert pools["train"].ids.tolist() == [0, 1, 2, 3]
    assert len(pools["val"].ids) == len(pools["test"].ids) == 0
    check_disjoint(pools)


def test_shared_glyph_is_an_error():
    """A glyph in two pools is an error that names it and them."""
    pool = GlyphPool(np.array([4, 5], np.int32), np.array([0] + [2] * 10))
    other = GlyphPool(np.array([3, 5], np.int32), np.array([0] + [2] * 10))
    with pytest.raises(SourceError, match=r"glyph 5: .* train and in test"):
        check_disjoint({"train": pool, "test": other})


@pytest.mark.skipif(
    not (REAL_MNIST / "t10k-images-idx3-ubyte.gz").is_file(),
    reason="needs the four files of MNIST in ../shared/mnist",
)
def test_real_mnist_pools():
    """The real MNIST: t10k but fifteen glyphs for test, a tenth of each digit of train for val."""
    source = MnistSettings(name="mnist", path=str(REAL_MNIST))
    bank = load_bank(source)
    pools = partition_glyphs(bank, source)
    assert [len(pools[split].ids) for split in SPLITS] == [54_000, 6_000, 9_985]
    assert pools["test"].ids.min() == 60_000
    everything = partition_glyphs(bank, source.model_copy(update={"keep_doubtful": True}))
    assert sorted({*everything["test"].ids} - {*pools["test"].ids}) == list(DOUBTFUL)
    check_disjoint(pools)
    row = 12_345
    rows, columns = np.nonzero(bank.images[row])
    box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    assert bank.ink[row].tolist() == box
