"""The numbers of a config from crops are like their labels."""

from __future__ import annotations

import re

import numpy as np
import pytest

from digit_sequence.base.yaml import parse_yaml
from digit_sequence.match.config import write_numbers
from digit_sequence.match.numbers import MOST_SHAPES, describe_numbers
from number_blocks import open_block


def draw_like(labels: list[str], lengths: list[int]) -> list[str]:
    """Return 1,000 numbers of the block that is written for labels."""
    block, _ = describe_numbers(labels, lengths)
    written = parse_yaml("\n".join(write_numbers(block)), "numbers")
    return open_block(written["numbers"]).take(np.arange(1000))


@pytest.mark.parametrize(
    ("labels", "shares"),
    [
        (["7", "12", "250", "3,5"], {"[1-9]": 0.25, "[1-9][0-9]{1,2}": 0.5, "[1-9],[0-9]": 0.25}),
        (["0", "0", "7", "45"], {"0": 0.5, "[1-9]": 0.25, "[1-9][0-9]": 0.25}),
        (["01", "22", "0145", "3046"], {"0[1-9]": 0.25, "0[1-9][0-9]{2}": 0.25, "[1-9].*": 0.5}),
        (["4000", "9512", "37", "0.00"], {"[1-9]000": 0.25, r"0\.00": 0.25, "[1-9][0-9]": 0.25}),
        (["$1,234.50", "$0.75"], {r"\$[1-9],[0-9]{3}\.[0-9]{2}": 0.5, r"\$0\.[0-9]{2}": 0.5}),
        (["00", "000"], {"00": 0.5, "000": 0.5}),
        (["M1 1AE", "12"], {"[1-9][0-9] [0-9]{3}": 0.5, "[1-9][0-9]": 0.5}),  # without letters
    ],
)
def test_numbers_are_like_labels(labels: list[str], shares: dict[str, float]) -> None:
    """Lengths, zeros in front and at the end, and signs are as frequent as in the labels."""
    drawn = draw_like(labels, [])
    for regex, share in shares.items():
        found = sum(re.fullmatch(regex, number) is not None for number in drawn) / 1000
        assert found == pytest.approx(share, abs=0.03), regex


def test_other_digits_are_drawn() -> None:
    """A few labels do not say which numbers there are."""
    drawn = draw_like(["2250", "109", "25000", "2110", "15728", "5490", "470000", "12668"], [])
    assert {number[0] for number in drawn} == {*"123456789"}
    assert len({*drawn}) > 400


def test_lengths_are_all_that_crops_say_without_labels() -> None:
    """Then zeros in front are as frequent as any digit."""
    drawn = draw_like([], [3, 3, 3, 70])
    assert {len(number) for number in drawn} == {3, 64}
    assert sum(number[0] == "0" for number in drawn) / 1000 == pytest.approx(0.1, abs=0.04)


def test_what_is_not_taken_over_is_told() -> None:
    """Rare shapes beyond the most are counted, and letters named."""
    labels = [f"{'3' * (n % 20 + 1)}.{'3' * (n // 20 + 1)}" for n in range(MOST_SHAPES + 9)]
    assert describe_numbers(labels, [])[1] == "9 rare shapes of numbers"
    assert describe_numbers(["A1"], [])[1] == "letters, which the source lacks"
    assert describe_numbers(["1.5", "12"], [])[1] == ""
