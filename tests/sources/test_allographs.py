"""Glyphs that a source lacks: none in two splits, each beside its origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_bank
from digit_sequence.base.names import SPLITS
from digit_sequence.pen.shapes import load_shapes, parse_shapes
from digit_sequence.sources.allographs import N_DRAWN, add_allographs
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.pools import check_disjoint, partition_glyphs

SHAPES = {name: shape for name, shape in load_shapes().items() if "/" in name}


def share_out(bank, val=0.25, test=0.25):
    """Share a bank out."""
    block = IdxSettings(name="idx", images="", labels="", val_fraction=val, test_fraction=test)
    return partition_glyphs(bank, block)


@pytest.mark.parametrize("size", [8, 28, 64])
def test_glyphs_are_added_behind_the_source(size):
    """Ids go on behind the source's; each is in one split, and every split has all shapes."""
    bank = draw_bank(size, 6)
    pools = share_out(bank)
    extended, extended_pools = add_allographs(bank, pools, SHAPES)
    assert extended.digest == bank.digest
    assert (extended.images[: len(bank.images)] == bank.images).all()
    check_disjoint(extended_pools)
    ids = np.concatenate([extended_pools[split].all_ids for split in SPLITS])
    assert sorted(ids.tolist()) == list(range(len(extended.images)))
    for split in SPLITS:
        assert extended_pools[split].ids is pools[split].ids
        for name in SHAPES:
            own = extended_pools[split].shapes[name]
            assert len(own) > 0
            assert (extended.digits[own] == int(name[0])).all()
    top, left, bottom, right = extended.ink.T
    assert (extended.images.max(axis=(1, 2)) >= 128).all()
    assert (bottom > top).all()
    assert (right > left).all()
    heights = (bottom - top)[len(bank.images) :]
    assert (heights > 0.5 * np.median(bank.ink[:, 2] - bank.ink[:, 0])).all()


@pytest.mark.parametrize("name", ["7/crossed", "1/upstroke", "1/foot", "1/upstroke_foot"])
def test_glyphs_are_in_the_split_of_their_origin(bank, name):
    """A glyph with a stroke added is one of its split's own glyphs, and more ink."""
    pools = share_out(bank)
    extended, extended_pools = add_allographs(bank, pools, SHAPES)
    for split in SPLITS:
        own = pools[split].of_digit(int(name[0]))
        made = extended.images[extended_pools[split].shapes[name]]
        assert len(made) == len(own)
        for origin, image in zip(bank.images[own], made, strict=True):
            moved = [np.roll(origin, step, axis=1) for step in range(-14, 15)]
            assert any((image >= other).all() for other in moved)
            assert image.sum() > origin.sum()


def test_glyphs_are_the_same_again(bank):
    """They follow from the bank, its shares and the shapes; other shapes change none of them."""
    pools = share_out(bank)
    first, first_pools = add_allographs(bank, pools, SHAPES)
    fewer = {name: SHAPES[name] for name in ("2/q", "7/crossed")}
    second, second_pools = add_allographs(bank, pools, fewer)
    for name in fewer:
        for split in SPLITS:
            ours, theirs = (pools[split].shapes[name] for pools in (first_pools, second_pools))
            assert (first.images[ours] == second.images[theirs]).all()


def test_shares_of_drawn_glyphs(bank):
    """Drawn glyphs are shared out as those of the source, and a split without glyphs has none."""
    _, pools = add_allographs(bank, share_out(bank), SHAPES)
    sizes = [len(pools[split].shapes["2/q"]) for split in SPLITS]
    assert sizes == [N_DRAWN // 2, N_DRAWN // 4, N_DRAWN // 4]
    _, pools = add_allographs(bank, share_out(bank, 0, 0), SHAPES)
    assert [len(pools[split].shapes["2/q"]) for split in SPLITS] == [N_DRAWN, 0, 0]


def test_bar_crosses_the_stem(bank):
    """A bar lies between 0.4 and 0.7 of the height, and reaches beyond the stem at both sides."""
    pools = share_out(bank, 0, 0)
    extended, extended_pools = add_allographs(bank, pools, {"7/crossed": SHAPES["7/crossed"]})
    origins = pools["train"].of_digit(7)
    made = extended.images[extended_pools["train"].shapes["7/crossed"]].astype(int)
    for origin, image, (top, _, bottom, _) in zip(
        bank.images[origins], made, bank.ink[origins], strict=True
    ):
        rows, columns = np.nonzero(image - origin > 128)
        share = (rows.mean() - top) / (bottom - top)
        assert 0.35 < share < 0.7
        stem = np.flatnonzero(origin[round(rows.mean())] > 128)
        assert columns.min() < stem.min()
        assert columns.max() > stem.max()


def test_digit_that_the_source_lacks(bank):
    """Shapes of a digit without glyphs are left out."""
    sevens = replace(bank, digits=np.full_like(bank.digits, 7))
    shapes = parse_shapes({"digits": {3: {"x": ["0,0 1,1"]}, 7: {"y": ["0,0 1,1"]}}})
    extended, pools = add_allographs(sevens, share_out(sevens), shapes)
    assert len(extended.images) == len(bank.images) + N_DRAWN
    assert [*pools["train"].shapes] == ["7/y"]
    extended, _ = add_allographs(sevens, share_out(sevens), {"3/x": shapes["3/x"]})
    assert len(extended.images) == len(bank.images)
