"""Numbers of an automaton in which lengths, characters and neighbours are balanced.

Of each `BLOCK` consecutive numbers all lengths are equally many, but for one. Character by
character, those of a block that have come to the same state with as many characters left go on with
all characters that may follow equally often, but for one; in turn among those that have the same
character before, so pairs of neighbours are balanced likewise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.engines import Engine
from digit_sequence.base.philox import Words
from digit_sequence.base.randomness import draw_words, to_uniform
from digit_sequence.numbers.automaton import Automaton
from digit_sequence.numbers.exclusion import (
    check_redrawn,
    draw_others,
    identify_excluded,
    name_purpose,
)
from digit_sequence.numbers.kind import NumberSource
from digit_sequence.numbers.language import LanguageSettings

BLOCK = 1000
"""Consecutive numbers among which shares are exact."""


class BalancedNumbers:
    """Numbers of an automaton, balanced.

    Parameters
    ----------
    settings : LanguageSettings
    automaton : Automaton
    seed : int
    split : str
        Its name is part of the identity of every draw.
    excluded : frozenset of str
        Numbers that are drawn again, each alone.
    """

    repeats = True

    def __init__(
        self,
        settings: LanguageSettings,
        automaton: Automaton,
        seed: int,
        split: str,
        excluded: frozenset[str] = frozenset(),
    ) -> None:
        self.count = settings.count
        self.max_digits = automaton.max_digits
        self._settings = settings
        self._automaton = automaton
        self._seed = seed
        self._split = split
        self._excluded = excluded
        self._choices = automaton.list_choices()
        self._lengths = [n for n, choices in enumerate(self._choices) if 0 in choices]
        check_redrawn(sum(map(self._find_share, excluded)))

    def characters(self) -> set[str]:
        """Return the characters that may occur."""
        return self._automaton.characters()

    def identity(self) -> dict[str, object]:
        """Return what decides which numbers these are."""
        return self._settings.model_dump(mode="json") | identify_excluded(self._excluded)

    def without(self, numbers: frozenset[str]) -> NumberSource:
        """Return the others, in the shares that they have among each other."""
        excluded = self._excluded | numbers
        return BalancedNumbers(self._settings, self._automaton, self._seed, self._split, excluded)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        """Return the numbers at `positions`."""

        def draw(positions: NDArray[np.int64], again: int) -> list[str]:
            if again:  # each alone
                words = self._draw_words(positions, engine, again)
                return [self._walk(words[row : row + 1])[0] for row in range(len(words))]
            found = {}
            for block in set((positions // BLOCK).tolist()):
                own = np.arange(block * BLOCK, (block + 1) * BLOCK)
                found[block] = self._walk(self._draw_words(own, engine))
            return [found[place // BLOCK][place % BLOCK] for place in positions.tolist()]

        return draw_others(draw, positions, self._excluded)

    def _draw_words(self, positions: NDArray[np.int64], engine: Engine, again: int = 0) -> Words:
        """Return the words of each position: one for the length, one for each character."""
        n_words = -(-(1 + self.max_digits) // 4) * 4
        names, counts = [self._split] * len(positions), np.full(len(positions), n_words)
        words = draw_words(self._seed, name_purpose(again), names, positions, counts, engine)
        return words.reshape(-1, n_words)

    def _walk(self, words: Words) -> list[str]:
        """Return the numbers of a block, by their words (N, 1 + max_digits or more)."""
        n_numbers = len(words)
        left = np.empty(n_numbers, np.int64)
        everyone = np.argsort(words[:, 0], kind="stable")
        left[everyone] = _deal(self._lengths, words[everyone, 0])
        states, codes = np.zeros((2, n_numbers), np.int64)
        texts = [""] * n_numbers
        for slot in range(1, self.max_digits + 1):
            order = np.lexsort((words[:, slot], codes, states, left))
            order = order[left[order] > 0]
            bounds = np.flatnonzero(np.diff(left[order]) | np.diff(states[order])) + 1
            for own in np.split(order, bounds) if len(order) else ():
                choices = self._choices[left[own[0]]][int(states[own[0]])]
                dealt = _deal([*choices.items()], words[own, slot])
                codes[own], states[own] = np.array(dealt).T
            for place in order.tolist():
                texts[place] += CHARACTERS[codes[place]]
            left -= 1
        return texts

    def _find_share(self, number: str) -> float:
        """Return how often a number is drawn, 0 to 1."""
        if len(number) not in self._lengths:
            return 0.0
        state, share = 0, 1 / len(self._lengths)
        for left, character in zip(range(len(number), 0, -1), number, strict=True):
            choices = self._choices[left][state]
            if (code := CHARACTERS.index(character)) not in choices:
                return 0.0
            state, share = choices[code], share / len(choices)
        return share


def _deal(choices: list[Any], words: Words) -> list[Any]:
    """Return one of some choices for each of some words: in turn, the first by its lower half.

    For words are in order of their upper halves.
    """
    first = int(to_uniform(words[:1] << np.uint64(32))[0] * len(choices))
    return [choices[(first + n) % len(choices)] for n in range(len(words))]
