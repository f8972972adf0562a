"""Sidecars: JSON column by column is that of the json module."""

from __future__ import annotations

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.containers.sidecars import encode_json

INT64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.lists(st.integers(0, 999) | st.sampled_from([1000]), max_size=8)
NUMBERS = st.text("0123456789", max_size=8)
BOX = pa.struct([("digit", pa.int8()), ("label", pa.string()), ("at", pa.list_(pa.float64()))])
boxes = st.fixed_dictionaries(
    {
        "digit": st.integers(-128, 127),
        "label": st.text(max_size=3),
        "at": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    }
)


def check(values, kind):
    """Check that each value is written as json writes it, also where an array was cut."""
    whole = pa.array(values, kind)
    expected = [json.dumps(value, separators=(",", ":")) for value in whole.to_pylist()]
    assert encode_json(whole).to_pylist() == expected
    assert encode_json(whole[1:]).to_pylist() == expected[1:]


@given(st.lists(INT64 | st.sampled_from([0, -1, 9, 10, 2**63 - 1, -(2**63)])) | SMALL)
def test_any_integer_is_written(values):
    """Integers of 64 bits are written in full, the least one too."""
    check(values, pa.int64())


@given(st.lists(st.integers(-(10**9), 10**9).map(lambda value: value / 10_000)))
def test_any_fraction_is_written(values):
    """Fractions of four decimals are written as Python writes them."""
    check(values, pa.float64())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_any_finite_number_is_written(values):
    """So is any other finite number, signs of zeros and exponents included."""
    check(values, pa.float64())


@given(st.lists(st.booleans()))
def test_truth_is_written(values):
    """Booleans are true and false."""
    check(values, pa.bool_())


@given(st.lists(st.text() | NUMBERS | st.text('"\\/\x7f\x1f é', max_size=4)))
def test_any_text_is_written(values):
    """Quotation marks, backslashes, control characters and others than ASCII are escaped."""
    check(values, pa.string())


@given(st.lists(st.lists(boxes, max_size=3)))
def test_lists_and_structures_are_written(values):
    """Lists of structures of lists are written, empty ones too."""
    check(values, pa.list_(BOX))
