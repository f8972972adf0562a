"""Numbers of a language: a finite set in order, whose n-th member is made without the others.

::

    order      number i of a split                                      repeats
    ascending  i-th of the language                                     no
    shuffled   i-th of a permutation that seed and split choose         no
    drawn      any, by the random words of (seed, split, i)             yes

A slice is a piece of a permutation that the seed alone chooses, so all splits cut the same one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Block, Probability
from digit_sequence.base.engines import Engine
from digit_sequence.base.randomness import draw_words
from digit_sequence.numbers.exclusion import Gaps, check_rest, identify_excluded
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.permutation import Permutation

_WORDS = 4
"""Random words that choose a number: 256 bits, for languages of up to 10**64 numbers and some."""


class Language(Protocol):
    """Finitely many numbers, in an order that is theirs: of their texts, or of time."""

    @property
    def count(self) -> int:
        """How many there are: at least 1."""

    @property
    def max_digits(self) -> int:
        """Characters of the longest one."""

    @property
    def repeats(self) -> bool:
        """Whether one number may stand at several indices."""

    def characters(self) -> set[str]:
        """Return the characters that occur."""

    def unrank(self, index: int) -> str:
        """Return the number at `index`, from 0 to count - 1."""

    def find(self, number: str) -> Sequence[int]:
        """Return the indices at which a number stands: none if it is of no such language."""


class LanguageSettings(Block):
    """Which numbers of a finite set, and in which order."""

    order: Literal["shuffled", "ascending", "drawn"] = "shuffled"
    """shuffled: all of them in random order before one comes again; ascending: likewise, in order;
    drawn: at random, so that some come twice before others come."""
    count: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """How many numbers to take; default: all there are, or if drawn a new one for every sample."""
    slice: Annotated[tuple[Probability, Probability], *AS_RANGE] = (0.0, 1.0)
    """Which piece of the shuffled numbers, as shares: splits with the same settings but [0, 0.8]
    and [0.8, 1] have no number in common; dates of one range neither, whatever their format. Not
    with order: ascending."""


class LanguageKind(NumberKind):
    """A kind whose numbers are a language; `settings` is one of `LanguageSettings`."""

    settings: LanguageSettings

    @abstractmethod
    def language(self) -> Language:
        """Return the numbers that are meant; a ValueError if there are none."""

    @property
    def is_endless(self) -> bool:
        """Whether numbers are drawn, and no `count` is given."""
        return self.settings.order == "drawn" and self.settings.count is None

    def check(self) -> None:
        """Refuse slices of nothing, and more numbers than there are without repeating one."""
        language, wanted = self.language(), self.settings.count
        start, stop = find_slice(self.settings, language)
        n_numbers = stop - start
        if n_numbers == 0:
            raise ValueError(
                f"{self.name}.slice: expected a piece of the {language.count:,} numbers with at "
                f"least one, got {list(self.settings.slice)}"
            )
        if n_numbers < language.count and (self.settings.order == "ascending" or language.repeats):
            why = "numbers that repeat" if language.repeats else "order: ascending"
            raise ValueError(
                f"{self.name}.slice: expected [0, 1] with {why}, got {list(self.settings.slice)}"
            )
        if wanted is not None and wanted > n_numbers and self.settings.order != "drawn":
            raise ValueError(
                f"{self.name}.count: expected at most the {n_numbers:,} numbers that there are, "
                f"got {wanted:,}; order: drawn repeats them"
            )

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers of a split."""
        return LanguageNumbers(self.settings, self.language(), seed, split)


def find_slice(settings: LanguageSettings, language: Language) -> tuple[int, int]:
    """Return the first place of a slice, and the one behind its last."""
    low, high = (int(Fraction(end) * language.count) for end in settings.slice)
    return low, high


class LanguageNumbers:
    """Numbers of a language in the order of the settings.

    Parameters
    ----------
    settings : LanguageSettings
    language : Language
    seed : int
    split : str
        Its name is part of the identity of every draw.
    excluded : frozenset of str
        Numbers that are left out; the others keep their order.
    """

    def __init__(
        self,
        settings: LanguageSettings,
        language: Language,
        seed: int,
        split: str,
        excluded: frozenset[str] = frozenset(),
    ) -> None:
        self.language = language
        is_drawn = settings.order == "drawn"
        self.repeats = is_drawn or language.repeats
        self._start, stop = find_slice(settings, language)
        self.max_digits = language.max_digits
        self._settings = settings
        self._seed = seed
        self._split = split
        self._excluded = excluded
        is_whole = stop - self._start == language.count
        self._permutation = Permutation(language.count, f"{seed}/{split if is_whole else ''}")
        self._gaps = Gaps(self._find_places(excluded, stop))
        self._n_numbers = stop - self._start - len(self._gaps)
        check_rest(self._n_numbers, stop - self._start)
        self.count = settings.count or (None if is_drawn else self._n_numbers)
        if not is_drawn and settings.count is not None and settings.count > self._n_numbers:
            raise ValueError(
                f"expected a count of at most the {self._n_numbers:,} numbers that are not "
                f"excluded, got {settings.count:,}"
            )

    def characters(self) -> set[str]:
        """Return the characters that may occur."""
        return self.language.characters()

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return self._settings.model_dump(mode="json") | identify_excluded(self._excluded)

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the others, in their order."""
        excluded = self._excluded | numbers
        return LanguageNumbers(self._settings, self.language, self._seed, self._split, excluded)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""
        order = self._settings.order
        indices = self._draw(positions, engine) if order == "drawn" else positions.tolist()
        if self._gaps:
            indices = [self._gaps[index] for index in indices]
        if order != "ascending":
            indices = [self._permutation[self._start + index] for index in indices]
        return [self.language.unrank(index) for index in indices]

    def _find_places(self, numbers: Iterable[str], stop: int) -> Iterator[int]:
        """Yield where numbers stand in this order, counted from the beginning of the slice."""
        is_shuffled = self._settings.order != "ascending"
        for number in numbers:
            for index in self.language.find(number):
                place = self._permutation.find(index) if is_shuffled else index
                if self._start <= place < stop:
                    yield place - self._start

    def _draw(self, positions: NDArray[np.int64], engine: Engine) -> list[int]:
        """Return an index for each position: the words, as a fraction of 1, times the count."""
        names, counts = [self._split] * len(positions), np.full(len(positions), _WORDS)
        words = draw_words(self._seed, "numbers", names, positions, counts, engine)
        rows = words.reshape(-1, _WORDS).astype("<u8")
        count, bits = self._n_numbers, 64 * _WORDS
        return [int.from_bytes(row.tobytes(), "little") * count >> bits for row in rows]
