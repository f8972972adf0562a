"""Which numbers a split shows, each found by its position in constant time.

==========  =====================================================================
`values`    the numbers of a list, or of a file
`range`     an arithmetic progression, padded with zeros
`random`    number i is drawn from (seed, split, i)
==========  =====================================================================

Sample i of a split shows number ``i % count``, so every shard holds a mix and a larger dataset
begins with the smaller one. Its sample_index is ``i // count``. Random numbers may repeat, so
their samples are told apart by i itself: sample_index is i.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.randomness import draw_words, to_uniform
from digit_sequence.config.model import (
    Config,
    NumberFile,
    Numbers,
    RandomNumbers,
    check_number,
    check_number_list,
)

BALANCE_BLOCK = 100
"""Consecutive random numbers among which digits are stratified, per digit slot."""


class NumberSource(Protocol):
    """The numbers of one split, in order."""

    @property
    def count(self) -> int | None:
        """How many there are; None: one for every sample."""

    @property
    def repeats(self) -> bool:
        """Whether one number may stand at several positions."""

    @property
    def max_digits(self) -> int:
        """Digits of the longest number."""

    def digits(self) -> set[int]:
        """Return the digits that may occur."""

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are, for the fingerprint."""

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`, int64 of shape (B,)."""


@dataclass(frozen=True)
class ListedNumbers:
    """Numbers given one by one."""

    values: Sequence[str]

    repeats = False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def max_digits(self) -> int:
        """Digits of the longest number."""
        return max(map(len, self.values))

    def digits(self) -> set[int]:
        """Return the digits that may occur."""
        return {int(digit) for value in self.values for digit in set(value)}

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        digest = hashlib.sha256("\n".join(self.values).encode()).hexdigest()
        return {"count": self.count, "sha256": digest}

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:  # noqa: ARG002
        """Return the numbers at `positions`."""
        return [self.values[position] for position in positions]


@dataclass(frozen=True)
class RangeNumbers:
    """Every `step`-th number from `first` to `last`, padded to `width` digits."""

    first: int
    last: int
    step: int
    width: int

    repeats = False

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.last - self.first) // self.step + 1

    @property
    def max_digits(self) -> int:
        """Digits of the longest number."""
        return max(self.width, len(str(self.first + (self.count - 1) * self.step)))

    def digits(self) -> set[int]:
        """Return the digits that may occur."""
        if self.count > 10_000:  # all of them then, or so nearly that asking for all is fair
            return set(range(10))
        return {int(digit) for value in self.take(np.arange(self.count)) for digit in value}

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return {"first": self.first, "last": self.last, "step": self.step, "width": self.width}

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:  # noqa: ARG002
        """Return the numbers at `positions`."""
        width = self.width
        return [f"{self.first + position * self.step:0{width}d}" for position in positions.tolist()]


class DrawnNumbers:
    """Random numbers: the length by its weight, then each digit.

    Parameters
    ----------
    spec : RandomNumbers
    seed : int
    name : str
        Name of the split, part of the identity of every draw.
    """

    repeats = True

    def __init__(self, spec: RandomNumbers, seed: int, name: str) -> None:
        self.spec = spec
        self.count = spec.count
        self.max_digits = max(spec.lengths)
        self._name = name
        self._seed = seed
        self._lengths = np.array(list(spec.lengths))
        weights = np.array(list(spec.lengths.values()), np.float64)
        self._length_steps = np.cumsum(weights / weights.sum())[:-1]

    def digits(self) -> set[int]:
        """Return the digits that may occur."""
        return set(range(10))

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return self.spec.model_dump(mode="json")

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""
        words = self._draw(positions, engine)
        lengths = self._to_lengths(words)
        shares = (
            self._stratify(positions, engine) if self.spec.balance else to_uniform(words[:, 1:])
        )
        digits = self._to_digits(shares, lengths)
        rows = (digits + ord("0")).astype(np.uint8)
        return [row[:length].tobytes().decode() for row, length in zip(rows, lengths, strict=True)]

    def _to_lengths(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        steps = np.searchsorted(self._length_steps, to_uniform(words[:, 0]), side="right")
        lengths: NDArray[np.int64] = self._lengths[steps]
        return lengths

    def _draw(self, positions: NDArray[np.int64], engine: Engine) -> NDArray[np.uint64]:
        """Return the words of each position: one for the length, one for each digit."""
        n_words = -(-(1 + self.max_digits) // 4) * 4
        names, counts = [self._name] * len(positions), np.full(len(positions), n_words)
        words = draw_words(self._seed, "numbers", names, positions, counts, engine)
        return words.reshape(-1, n_words)[:, : 1 + self.max_digits]

    def _stratify(self, positions: NDArray[np.int64], engine: Engine) -> NDArray[np.float64]:
        """Return uniform numbers that, over a block of positions, fill [0, 1) evenly per slot.

        Within a block, slot by slot, each number that is long enough to use the slot gets a stratum
        of its own (latin hypercube sampling, McKay et al. 1979): the rank of its word among theirs.
        """
        shares = np.empty((len(positions), self.max_digits))
        blocks = positions // BALANCE_BLOCK
        for block in np.unique(blocks):
            words = self._draw(np.arange(BALANCE_BLOCK) + block * BALANCE_BLOCK, engine)
            is_used = np.arange(self.max_digits) < self._to_lengths(words)[:, None]
            ranked = np.where(is_used, words[:, 1:] >> np.uint64(1), np.uint64(2**63))
            strata = np.argsort(np.argsort(ranked, axis=0, kind="stable"), axis=0, kind="stable")
            # Where in its stratum: by the lower half, for the upper one has decided on the stratum.
            within = to_uniform(words[:, 1:] << np.uint64(32))
            spread = (strata + within) / np.maximum(is_used.sum(axis=0), 1)
            rows = np.flatnonzero(blocks == block)
            shares[rows] = spread[positions[rows] - block * BALANCE_BLOCK]
        return shares.clip(0, np.nextafter(1, 0))

    def _to_digits(
        self, shares: NDArray[np.float64], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Turn uniform numbers (B, slots) into digits; only the first `lengths` are meant."""
        digits = (shares * 10).astype(np.int64)
        if self.spec.leading_zeros:
            return digits
        long = lengths > 1  # "0" alone has no leading zero
        digits[long, 0] = 1 + (shares[long, 0] * 9).astype(np.int64)
        if self.spec.balance:
            # The first digit is never 0, so the others are 0 more often: L / (10 (L - 1)).
            zero = (lengths[long] / (10 * (lengths[long] - 1)))[:, None]
            rest = shares[long, 1:]
            digits[long, 1:] = np.where(
                rest < zero, 0, 1 + ((rest - zero) / (1 - zero) * 9).astype(np.int64)
            ).clip(0, 9)
        return digits


def open_numbers(numbers: Numbers, seed: int, split: str) -> NumberSource:
    """Return the numbers that a config asks for in one split; files are read in already."""
    if numbers.values is not None:
        return ListedNumbers(numbers.values)
    if numbers.range is not None:
        span = numbers.range
        return RangeNumbers(span.first, span.last, span.step, span.width)
    if numbers.random is not None:
        return DrawnNumbers(numbers.random, seed, split)
    raise AssertionError("a file of numbers is read before they are opened")


def inline_number_files(config: Config) -> Config:
    """Return the config with the numbers themselves in place of the files that hold them.

    Raises
    ------
    ConfigError
        If a file of numbers cannot be read, or holds something else; names the line.
    """
    splits = {}
    for name, split in config.splits.items():
        numbers = split.numbers
        if numbers.file is not None:
            numbers = Numbers.model_construct(values=tuple(read_numbers(numbers.file)))
        splits[name] = split.model_copy(update={"numbers": numbers})
    return config.model_copy(update={"splits": splits})


def read_numbers(file: NumberFile) -> list[str]:
    """Read a text file of one number a line, or one column of a CSV file; blank lines are skipped.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks the column, or a line holds no number.
    """
    path = Path(file.path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: numbers cannot be read: expected a file")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            if file.column is None:
                rows = [(n, line.strip()) for n, line in enumerate(lines, start=1)]
            else:
                rows = _read_column(lines, file.column, path)
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: numbers cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:  # not UTF-8, or a NUL in the path
        raise ConfigError(f"{path}: numbers cannot be read: {error}") from error
    values = []
    for line, text in rows:
        if not text:
            continue
        try:
            values.append(check_number(text))
        except ValueError as error:
            raise ConfigError(f"{path}: line {line}: {error}") from None
    try:
        check_number_list(values)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return values


def _read_column(lines: Iterable[str], column: str, path: Path) -> list[tuple[int, str]]:
    """Return the line number and the text of each row of a CSV column."""
    reader = csv.DictReader(lines)
    names = list(reader.fieldnames or ())
    if names.count(column) != 1:
        raise ConfigError(
            f"{path}: expected one column {column!r}, got "
            f"{', '.join(map(repr, names)) or 'an empty file'}"
        )
    return [(reader.line_num, (row[column] or "").strip()) for row in reader]
