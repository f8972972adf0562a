"""Each number of a split is found by its position: listed, counted, read from a file or drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.randomness import RandomWords
from digit_sequence.config.model import (
    MAX_DIGITS,
    Mnist5k,
    NumberFile,
    Numbers,
    RandomNumbers,
    Split,
)
from digit_sequence.numbers.kinds import (
    BALANCE_BLOCK,
    DrawnNumbers,
    ListedNumbers,
    NumberSource,
    RangeNumbers,
    inline_number_files,
    open_numbers,
    read_numbers,
)
from strategies import number_texts


def open_block(block: dict[str, Any], seed: int = 1, split: str = "train") -> NumberSource:
    """Open the numbers of a block `numbers`."""
    return open_numbers(Numbers.model_validate(block), seed, split)


def open_random(seed: int = 1, split: str = "train", **fields: Any) -> NumberSource:
    """Open random numbers."""
    return open_block({"random": fields}, seed, split)


def take(source: NumberSource, *positions: int) -> list[str]:
    """Take the numbers at some positions."""
    return source.take(np.array(positions, np.int64))


# -- lists and ranges ------------------------------------------------------------------------------


def test_list_keeps_order_and_zeros() -> None:
    """Numbers of a list stay the strings that they are."""
    source = open_block({"values": ["007", "7", "45"]})
    assert take(source, 2, 0, 1, 0) == ["45", "007", "7", "007"]
    assert source.count == 3
    assert source.max_digits == 3
    assert source.digits() == {0, 7, 4, 5}
    assert not source.repeats


def test_range_by_hand() -> None:
    """A range includes its last number if a step meets it, and pads with zeros."""
    assert take(RangeNumbers(0, 10, 5, 3), 0, 1, 2) == ["000", "005", "010"]
    assert RangeNumbers(0, 9, 5, 1).count == 2
    assert take(RangeNumbers(98, 101, 1, 1), 1, 2) == ["99", "100"]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 700), st.integers(1, 5))
def test_range_equals_the_range_of_python(first: int, span: int, step: int, width: int) -> None:
    """Count, numbers, digits and length are those of Python's range."""
    expected = [str(number).zfill(width) for number in range(first, first + span + 1, step)]
    source = open_block(
        {"range": {"first": first, "last": first + span, "step": step, "width": width}}
    )
    assert source.count == len(expected)
    assert take(source, *range(len(expected))) == expected
    assert source.max_digits == max(map(len, expected))
    assert source.digits() == {int(digit) for number in expected for digit in number}


def test_huge_range() -> None:
    """The last number of a range of 10**18 is found without those before it."""
    source = RangeNumbers(0, 10**18 - 1, 1, 20)
    assert take(source, 10**18 - 1) == ["00" + "9" * 18]
    assert source.max_digits == 20
    assert source.digits() == set(range(10))


# -- random numbers --------------------------------------------------------------------------------


def test_random_numbers_are_pinned() -> None:
    """The numbers of a seed are those of the first release."""
    positions = range(6)
    plain = ["684", "84864", "995", "3", "316451", "213718"]
    assert take(open_random(lengths=[1, 6]), *positions) == plain
    balanced = ["684", "84964", "895", "3", "307562", "212737"]
    assert take(open_random(lengths=[1, 6], balance=True), *positions) == balanced


def draw_one(seed: int, split: str, position: int, weights: dict[int, float], zeros: bool) -> str:
    """Draw a number as the module says: its length by weight, then each digit."""
    words = RandomWords(seed, "numbers").draw(split, position, 1 + max(weights)).tolist()
    shares = [(word >> 11) / 2**53 for word in words]
    remaining = shares[0] * sum(weights.values())
    length = 0
    for length, weight in sorted(weights.items()):  # noqa: B007 - the last one that is reached
        if remaining < weight:
            break
        remaining -= weight
    digits = [int(share * 10) for share in shares[1 : 1 + length]]
    if length > 1 and not zeros:
        digits[0] = 1 + int(shares[1] * 9)
    return "".join(map(str, digits))


@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from(["train", "val", "test"]),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=10),
    st.dictionaries(st.integers(1, 64), st.integers(1, 4), min_size=1, max_size=4),
    st.booleans(),
)
def test_random_numbers_follow_their_words(
    seed: int, split: str, positions: list[int], weights: dict[int, float], zeros: bool
) -> None:
    """Number i of a split is drawn from (seed, split, i) and nothing else."""
    source = open_random(seed, split, lengths=weights, leading_zeros=zeros)
    expected = [draw_one(seed, split, position, weights, zeros) for position in positions]
    assert take(source, *positions) == expected


@given(
    st.lists(st.integers(0, 350) | st.integers(0, 10**12), min_size=1, max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_random_number_is_the_same_alone_and_in_any_batch(
    positions: list[int], zeros: bool, balance: bool
) -> None:
    """A position holds the same number whatever is taken with it, in whatever order."""
    source = open_random(lengths=[1, 4], leading_zeros=zeros, balance=balance)
    batch = take(source, *positions)
    assert batch == [take(source, position)[0] for position in positions]
    assert batch[::-1] == take(source, *positions[::-1])


def test_random_numbers_do_not_depend_on_their_count() -> None:
    """Asking for more numbers adds numbers."""
    few, many = (open_random(lengths=[1, 4], count=count) for count in (10, 1000))
    assert (few.count, many.count) == (10, 1000)
    assert take(few, *range(10)) == take(many, *range(10))


def test_random_numbers_of_seeds_and_splits_differ() -> None:
    """Splits and seeds have numbers of their own."""
    draws = {
        tuple(take(open_random(seed, split, lengths=[8, 8]), *range(20)))
        for seed in (1, 2)
        for split in ("train", "val", "test")
    }
    assert len(draws) == 6


def test_lengths_follow_their_weights() -> None:
    """Lengths are as frequent as their weights say; a weight of 0 never happens."""
    source = open_random(lengths={1: 1, 2: 0, 5: 2.5, 9: 0.5})
    lengths = Counter(map(len, take(source, *range(8000))))
    assert set(lengths) == {1, 5, 9}
    expected = [8000 * weight / 4 for weight in (1, 2.5, 0.5)]
    assert chisquare([lengths[1], lengths[5], lengths[9]], expected).pvalue > 1e-4


@pytest.mark.parametrize("balance", [False, True])
def test_no_leading_zero(balance: bool) -> None:
    """Without leading zeros, only "0" itself begins with 0; and it does occur."""
    source = open_random(lengths=[1, 3], leading_zeros=False, balance=balance)
    numbers = take(source, *range(3000))
    assert {number for number in numbers if number[0] == "0"} == {"0"}
    assert {number[0] for number in numbers if len(number) > 1} == set("123456789")


def test_leading_zeros() -> None:
    """With leading zeros, a tenth of the numbers begins with 0."""
    numbers = take(open_random(lengths=[2, 3], balance=True), *range(3000))
    assert sum(number[0] == "0" for number in numbers) == 300


@pytest.mark.parametrize("length", [1, 3, 6])
def test_balanced_digits_are_exactly_even(length: int) -> None:
    """Numbers of one length hold each digit equally often in each place, per block of 100."""
    source = open_random(lengths=[length, length], balance=True)
    assert BALANCE_BLOCK == 100
    for block in (0, 1, 12345):
        numbers = take(source, *range(block * 100, block * 100 + 100))
        for place in range(length):
            counts = Counter(number[place] for number in numbers)
            assert counts == dict.fromkeys("0123456789", 10)


@pytest.mark.parametrize(
    ("lengths", "tolerance"),
    [([1, 1], 0.01), ([2, 2], 0.01), ([5, 5], 0.01), ([1, 6], 0.02)],  # a place is not always used
)
@pytest.mark.parametrize("zeros", [True, False])
def test_balanced_digits_are_even_overall(
    lengths: list[int], tolerance: float, zeros: bool
) -> None:
    """All ten digits are equally frequent, also if no number may begin with 0."""
    source = open_random(lengths=lengths, leading_zeros=zeros, balance=True)
    counts = Counter("".join(take(source, *range(20_000))))
    shares = [counts[digit] / counts.total() for digit in "0123456789"]
    assert shares == pytest.approx([0.1] * 10, rel=tolerance)


def test_balance_does_not_tie_the_places_together() -> None:
    """The digits of a number are drawn apart: all hundred pairs are equally frequent."""
    source = open_random(lengths=[2, 2], balance=True)
    pairs = Counter(take(source, *range(20_000)))
    assert len(pairs) == 100
    assert chisquare(list(pairs.values())).pvalue > 1e-4


class _GreatestWords(DrawnNumbers):
    """Random numbers all of whose words are the greatest there is."""

    def _draw(self, positions: NDArray[np.int64], _engine: Engine) -> NDArray[np.uint64]:
        return np.full((len(positions), 1 + self.max_digits), 2**64 - 1, np.uint64)


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("balance", [True, False])
def test_greatest_words_make_nines(zeros: bool, balance: bool) -> None:
    """No rounding makes a digit of ten."""
    spec = RandomNumbers(lengths={3: 1.0}, leading_zeros=zeros, balance=balance)
    assert _GreatestWords(spec, 1, "train").take(np.array([99])) == ["999"]


def test_random_numbers_may_use_all_digits() -> None:
    """Random numbers need glyphs of all digits, and repeat."""
    source = open_random(lengths=[2, 4], count=5)
    assert source.digits() == set(range(10))
    assert source.max_digits == 4
    assert source.repeats


def test_longest_random_numbers() -> None:
    """The longest numbers that a config may ask for can be drawn."""
    assert len(take(open_random(lengths=[MAX_DIGITS, MAX_DIGITS], balance=True), 7)[0]) == 64


# -- identity --------------------------------------------------------------------------------------

DIFFERENT = [
    {"values": ["1", "23"]},
    {"values": ["23", "1"]},  # another order
    {"values": ["12", "3"]},  # the same digits
    {"values": ["1", "23", "4"]},
    {"values": ["01", "23"]},
    {"range": {"last": 9}},
    {"range": {"last": 8}},
    {"range": {"first": 1, "last": 9}},
    {"range": {"last": 9, "step": 2}},
    {"range": {"last": 9, "width": 2}},
    {"random": {"lengths": [1, 3]}},
    {"random": {"lengths": [1, 4]}},
    {"random": {"lengths": {1: 1, 2: 1, 3: 2}}},
    {"random": {"lengths": [1, 3], "leading_zeros": False}},
    {"random": {"lengths": [1, 3], "balance": True}},
    {"random": {"lengths": [1, 3], "count": 7}},
]


def test_identity_changes_with_the_numbers() -> None:
    """Other numbers have another identity; the same ones the same."""
    identities = [open_block(block).identity() for block in DIFFERENT]
    assert all(
        (one == other) == (i == j)
        for i, one in enumerate(identities)
        for j, other in enumerate(identities)
    )
    assert identities == [open_block(block).identity() for block in DIFFERENT]


def test_equal_weights_are_the_range_of_lengths() -> None:
    """[1, 3] and equal weights of 1 mean the same numbers."""
    one, other = (open_random(lengths=lengths) for lengths in ([1, 3], {3: 1, 2: 1, 1: 1}))
    assert one.identity() == other.identity()
    assert take(one, *range(50)) == take(other, *range(50))


# -- files -----------------------------------------------------------------------------------------


def read_bytes(folder: Path, content: bytes, column: str | None = None) -> list[str]:
    """Read the numbers of a file of some bytes."""
    path = folder / "n.txt"
    path.write_bytes(content)
    return read_numbers(NumberFile(path=str(path), column=column))


@pytest.mark.parametrize(
    "content",
    [
        b"007\n12\n5\n",
        b"007\n12\n5",  # no newline at the end
        b"007\r\n12\r\n5\r\n",  # Windows
        b"007\r12\r5",  # old Mac
        b"\xef\xbb\xbf007\n12\n5\n",  # with a byte order mark
        b"\n007\n\n  12\t\n5 \n\n\n",  # blank lines and spaces
    ],
)
def test_text_file(tmp_path: Path, content: bytes) -> None:
    """A text file has a number on each line that is not blank."""
    assert read_bytes(tmp_path, content) == ["007", "12", "5"]


@pytest.mark.parametrize(
    "content",
    [
        b"id,text\n1,007\n2,12\n3,5\n",
        b"text\n007\n12\n5\n",
        b"\xef\xbb\xbftext,id\r\n007,1\r\n12,2\r\n5,3\r\n",
        b'id,text\n"a,b","007"\n"c\nd",12\n\ne, 5 \n',  # quotes, and a value of two lines
        b"id,text\n1,007\n2,\n3,12\n4\n5,5,6\n",  # empty, too few and too many values
    ],
)
def test_csv_file(tmp_path: Path, content: bytes) -> None:
    """A CSV file has a number in the column of each row, unless it is blank there."""
    assert read_bytes(tmp_path, content, "text") == ["007", "12", "5"]


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (b"1\n\n2x\n", None, "n.txt: line 3: expected a string of digits 0-9, got '2x'"),
        (b"1,2\n", None, "n.txt: line 1: expected a string of digits 0-9, got '1,2'"),
        (b"1\n2\n1\n", None, "n.txt: expected each number once, got '1' at positions 1 and 3"),
        (b"\n \n", None, "n.txt: expected at least one number, got none"),
        (b"1\n\xff\n", None, "n.txt: numbers cannot be read: 'utf-8' codec"),
        (b"1" * 65, None, "n.txt: line 1: expected at most 64 digits, got 65"),
        (b"id,text\n1,2\n3,4.5\n", "text", "n.txt: line 3: expected a string of digits 0-9, got"),
        (b"id,text\n1,2\n", "txt", "n.txt: expected one column 'txt', got 'id', 'text'"),
        (b"", "text", "n.txt: expected one column 'text', got an empty file"),
        (b"id,text\n", "text", "n.txt: expected at least one number, got none"),
        (b"text\n" + b"1" * 200_000, "text", "n.txt: numbers cannot be read: field larger than"),
    ],
)
def test_bad_file(tmp_path: Path, content: bytes, column: str | None, message: str) -> None:
    """A message names the file, and the line or the columns."""
    with pytest.raises(ConfigError) as caught:
        read_bytes(tmp_path, content, column)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_endless_numbers() -> None:
    """A device that gives bytes without end is no file of numbers."""
    with pytest.raises(ConfigError, match="/dev/zero: numbers cannot be read: expected a file"):
        read_numbers(NumberFile(path="/dev/zero"))


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match=r"no\.txt: numbers cannot be read: No such file"):
        read_numbers(NumberFile(path=str(tmp_path / "no.txt")))


@given(st.lists(number_texts, min_size=1, unique=True), st.sampled_from(["\n", "\r\n"]))
def test_file_means_the_same_as_a_list(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], newline: str
) -> None:
    """A file of numbers and the list of them have the same identity."""
    path = tmp_path_factory.mktemp("numbers") / "n.txt"
    path.write_text(newline.join(values), encoding="utf-8", newline="")
    read = ListedNumbers(read_numbers(NumberFile(path=str(path))))
    assert read.identity() == open_block({"values": values}).identity()


def test_inline_number_files(tmp_path: Path, tiny_config: Any) -> None:
    """Files are replaced by what they hold; all else stays."""
    path = tmp_path / "n.txt"
    path.write_text("12\n007\n", encoding="utf-8")
    splits = {
        "train": {"numbers": {"file": {"path": str(path)}}, "samples": 4},
        "val": {"numbers": {"range": {"last": 3}}, "samples": 2},
    }
    config = tiny_config(source={"name": "mnist-5k"}, splits=splits)
    inlined = inline_number_files(config)
    assert inlined.splits == {
        "train": Split(numbers=Numbers(values=("12", "007")), samples=4),
        "val": config.splits["val"],
    }
    assert inlined.source == Mnist5k(name="mnist-5k")
