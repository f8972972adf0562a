"""Numbers of one hand: which writer, which of its glyphs, and what it lacks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.sources.hands import choose_hands, find_hands
from rendering import make_identities

NOBODY = -1


def make_hands(*glyphs):
    """Group glyphs, (writer, digit) each, whose ids are their places in the list."""
    writers = np.array([writer for writer, _ in glyphs], np.int32)
    digits = np.array([digit for _, digit in glyphs])
    ids = np.argsort(digits, kind="stable").astype(np.int32)
    return find_hands(ids, np.searchsorted(digits[ids], np.arange(52)), writers), writers, digits


def choose(hands, share, *numbers, seed=1):
    """Choose for some numbers; return the glyphs of each, its hand, and what that lacks."""
    identities = make_identities(*numbers, seed=seed)
    before = np.full(len(identities.digits), 10_000, np.int32)
    ids, drawn = choose_hands(before, hands, share, identities)
    assert (before == 10_000).all()
    parts = np.split(ids, identities.starts[1:-1])
    return [part.tolist() for part in parts], drawn["hand"].tolist(), drawn["hand_lacked"].tolist()


def test_glyphs_by_writer_and_digit():
    """Glyphs stand by writer, then by digit; those of nobody are left out."""
    hands, *_ = make_hands((9, 3), (NOBODY, 3), (2, 5), (9, 0), (9, 3))
    assert hands.writers.tolist() == [2, 9]
    assert hands.ids.tolist() == [2, 3, 0, 4]
    assert hands.counts[1, [0, 3, 5]].tolist() == [1, 2, 0]
    assert hands.starts[1, [0, 3]].tolist() == [1, 2]


def test_the_writer_who_wrote_all_digits():
    """Only writer 4 wrote 1, 2 and 3; of 12 writer 5 has both as well."""
    hands, *_ = make_hands((4, 1), (4, 2), (4, 3), (5, 1), (5, 2), (6, 3))
    assert choose(hands, 1.0, "123", "3132") == ([[0, 1, 2], [2, 0, 2, 1]], [4, 4], [0, 0])
    found = {choose(hands, 1.0, "12", seed=seed)[1][0] for seed in range(30)}
    assert found == {4, 5}


def test_a_digit_that_nobody_wrote_with_the_others():
    """The writer is one who wrote the most; the digit that is lacking stays as it was drawn."""
    hands, *_ = make_hands((4, 1), (4, 2), (5, 3))
    assert choose(hands, 1.0, "1233") == ([[0, 1, 10_000, 10_000]], [4], [2])


def test_repeats_are_other_glyphs():
    """A digit that stands twice is two glyphs; the third of a writer with two is one of them."""
    hands, *_ = make_hands((4, 7), (4, 7), (4, 1))
    for seed in range(10):
        ((first, one, second, third),), *_ = choose(hands, 1.0, "7177", seed=seed)
        assert {first, second} == {0, 1}
        assert (one, third) == (2, first)


def test_no_writers():
    """Where nobody is known, no number is of one hand."""
    hands, *_ = make_hands((NOBODY, 1))
    assert choose(hands, 1.0, "11") == ([[10_000, 10_000]], [NOBODY], [0])


glyphs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=60)


@given(
    glyphs=glyphs,
    numbers=st.lists(st.text("0123456789", min_size=1, max_size=8), min_size=1, max_size=8),
    share=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_each_number_is_of_its_hand(glyphs, numbers, share):
    """By brute force: right digits, one writer, one who lacks the least; alone as in the batch."""
    hands, writers, digits = make_hands(*glyphs)
    chosen = choose(hands, share, *numbers)
    written = {writer: {d for w, d in glyphs if w == writer} for writer, _ in glyphs}
    for number, ids, hand, lacked in zip(numbers, *chosen, strict=True):
        assert choose(hands, share, number) == ([ids], [hand], [lacked])
        wanted = set(map(int, number))
        if hand == NOBODY:
            assert set(ids) == {10_000}
            assert lacked == 0
            assert share < 1 or not any(wanted & it for it in written.values())
            continue
        assert share > 0
        assert len(wanted & written[hand]) == max(len(wanted & it) for it in written.values())
        for digit, glyph in zip(map(int, number), ids, strict=True):
            if digit in written[hand]:
                assert (writers[glyph], digits[glyph]) == (hand, digit)
            else:
                assert glyph == 10_000
        assert lacked == sum(int(digit) not in written[hand] for digit in number)


def test_signs_of_a_pen_are_not_lacked():
    """A sign that nobody wrote stays the pen's in any hand; one that some wrote may be lacked."""
    hands, *_ = make_hands((3, 1), (3, 1), (5, 1))
    (ids,), (hand,), (lacked,) = choose(hands, 1.0, "1,1")
    assert hand in (3, 5)
    assert ids[1] == 10_000
    assert lacked == 0
    assert choose(hands, 1.0, ",.")[1:] == ([NOBODY], [0])  # nobody wrote these
    comma = CHARACTERS.index(",")
    hands, *_ = make_hands((3, 1), (3, 7), (5, comma))
    (ids,), (hand,), (lacked,) = choose(hands, 1.0, "17,")
    assert (ids, hand, lacked) == ([0, 1, 10_000], 3, 1)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_share(share):
    """So many samples are of one hand, each writer as often as the others."""
    hands, *_ = make_hands(*((writer, digit) for writer in range(5) for digit in range(10)))
    names = [f"{number:04}" for number in range(4000)]
    _, found, lacked = choose(hands, share, *names)
    counts = np.bincount(np.array(found) + 1, minlength=6)
    assert counts[0] == pytest.approx(4000 * (1 - share), abs=100)
    assert counts[1:] == pytest.approx(np.full(5, 800 * share), abs=100)
    assert not any(lacked)
