"""Signs that a source lacks: drawn in their place beside digits, none in two splits."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import draw_bank, make_bank
from digit_sequence.base.characters import CHARACTERS, DIGITS, SIGNS
from digit_sequence.base.names import SPLITS
from digit_sequence.pen.nib import measure_strokes
from digit_sequence.pen.shapes import load_signs
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.pools import check_disjoint, partition_glyphs
from digit_sequence.sources.signs import N_DRAWN, add_signs


def add(bank, alphabet=CHARACTERS):
    """Share a bank out, and add the signs of an alphabet."""
    block = IdxSettings(name="idx", images="", labels="", val_fraction=0.25, test_fraction=0.25)
    pools = partition_glyphs(bank, block)
    return (*add_signs(bank, pools, alphabet), pools)


def test_every_sign_has_shapes():
    """No sign goes without shapes, several each."""
    names = [name.partition("/")[0] or "/" for name in load_signs()]
    assert {name[0] for name in load_signs()} == set(SIGNS)
    assert min(map(names.count, set(SIGNS))) >= 3


@pytest.mark.parametrize("size", [8, 28, 64])
def test_signs_are_added_behind_the_source(size):
    """Ids go on behind the source's; each is in one split, and every split has some of each."""
    bank = draw_bank(size, 6)
    extended, pools, before = add(bank)
    assert extended.digest == bank.digest
    assert (extended.images[: len(bank.images)] == bank.images).all()
    check_disjoint(pools)
    ids = np.concatenate([pools[split].ids for split in SPLITS])
    assert sorted(ids.tolist()) == list(range(len(extended.images)))
    for split in SPLITS:
        for code in range(len(DIGITS + SIGNS)):
            own = pools[split].of_digit(code)
            assert len(own) > 0
            assert (extended.digits[own] == code).all()
            if code < len(DIGITS):
                assert (own == before[split].of_digit(code)).all()
    assert (extended.images.max(axis=(1, 2)) >= 64).all()
    made = len(extended.images) - len(bank.images)
    assert 0.9 * N_DRAWN * len(SIGNS) <= made <= N_DRAWN * len(SIGNS)


def test_signs_are_the_same_each_time_and_differ_from_each_other():
    """Glyphs are made without a seed, and no two of a sign are alike."""
    first, again = add(draw_bank(28, 6))[0], add(draw_bank(28, 6))[0]
    assert (first.images == again.images).all()
    pictures = {image.tobytes() for image in first.images[60:]}
    assert len(pictures) > 0.98 * (len(first.images) - 60)


def test_signs_beside_letters_alone():
    """A source of letters has signs drawn as wide as their strokes, in their rows."""
    bank = draw_bank(28, 6)
    letters = make_bank(bank.images, bank.digits + np.uint8(CHARACTERS.index("A")))
    extended, pools, _ = add(letters, "0123456789,ABC")
    expected, others, _ = add(bank, "0123456789,")
    assert (extended.images == expected.images).all()
    comma = CHARACTERS.index(",")
    for split in SPLITS:
        assert len(pools[split].of_digit(comma)) == len(others[split].of_digit(comma)) > 0


def test_only_what_is_lacking_is_drawn():
    """Digits need nothing; a sign that the source has is its own."""
    bank = draw_bank(28, 6)
    extended, pools, before = add(bank, DIGITS)
    assert extended is bank
    assert pools is before
    images = np.concatenate([bank.images, bank.images[:2]])
    comma = CHARACTERS.index(",")
    own = make_bank(images, np.concatenate([bank.digits, [comma, comma]]).astype(np.uint8))
    extended, pools, _ = add(own, "0123456789.,")
    assert np.unique(extended.digits[len(images) :]).tolist() == [CHARACTERS.index(".")]
    assert sum(len(pool.of_digit(comma)) for pool in pools.values()) == 2


def test_signs_stand_where_they_are_written():
    """A dot and a comma at the foot, a hyphen half way up, an equals sign above and below it."""
    bank = draw_bank(28, 6)
    extended, *_ = add(bank)
    top, bottom = extended.line_rows
    height = bottom - top

    def measure(sign):
        ink = extended.ink[extended.digits == CHARACTERS.index(sign)].astype(float)
        return np.median((ink[:, [0, 2]] - top) / height, axis=0)

    assert 0.7 < measure(".")[0] < measure(".")[1] < 1.1
    assert measure(",")[0] > 0.7
    assert measure(",")[1] > measure(".")[1] + 0.05
    for sign in "-+=:":
        low, high = measure(sign)
        assert 0.1 < low < 0.65
        assert low < 0.55 < high < 1.05
    for sign in "/()$":
        assert measure(sign)[0] < 0.1
        assert measure(sign)[1] > 0.9
    assert measure("/")[1] - measure("/")[0] > 1.15  # or it would be a 1
    widths = measure_strokes(extended.images)
    is_sign = extended.digits >= len(DIGITS)
    assert 0.8 < np.median(widths[is_sign]) / np.median(widths[~is_sign]) < 1.3


def test_bodies_of_signs_are_as_high_as_digits():
    """To what scales glyphs a sign has the rows of digits, and the columns of its own ink."""
    bank = draw_bank(28, 6)
    assert bank.bodies is bank.ink
    extended, *_ = add(bank)
    is_sign = extended.digits >= len(DIGITS)
    assert (extended.bodies[~is_sign] == extended.ink[~is_sign]).all()
    assert (extended.bodies[is_sign][:, [1, 3]] == extended.ink[is_sign][:, [1, 3]]).all()
    assert (extended.bodies[is_sign][:, [0, 2]] == extended.line_rows).all()
    rows = np.sort(bank.ink[:, [0, 2]], axis=0)[len(bank.ink) // 2]
    assert extended.line_rows == tuple(rows.tolist())
