"""An automaton of numbers: counts them, and finds the n-th and where one stands by one walk.

Each of its states knows how many numbers go on from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from digit_sequence.base.characters import CHARACTERS


class Automaton:
    """A deterministic automaton of characters without circles; its numbers in order of their codes.

    Parameters
    ----------
    arrows : list of dict
        For each state the state that each character leads to, by its code; only states from which
        a number can end.
    is_final : list of bool
        Whether a number may end in each state; not in the first one, where numbers begin.
    """

    repeats = False

    def __init__(self, arrows: list[dict[int, int]], is_final: list[bool]) -> None:
        self._arrows = [dict(sorted(digits.items())) for digits in arrows]
        self._is_final = is_final
        self._counts = [0] * len(arrows)
        longest = [0] * len(arrows)
        for state in self._sort():
            after = self._arrows[state].values()
            self._counts[state] = is_final[state] + sum(self._counts[other] for other in after)
            longest[state] = max((1 + longest[other] for other in after), default=0)
        self.count = self._counts[0]
        self.max_digits = longest[0]

    def characters(self) -> set[str]:
        """Return the characters that occur."""
        return {CHARACTERS[code] for arrows in self._arrows for code in arrows}

    def unrank(self, index: int) -> str:
        """Return the number at `index`."""
        if not 0 <= index < self.count:
            raise IndexError(f"expected an index in [0, {self.count}), got {index}")
        state, number = 0, ""
        while index or not self._is_final[state]:
            index -= self._is_final[state]
            for code, other in self._arrows[state].items():
                if index < self._counts[other]:
                    number += CHARACTERS[code]
                    state = other
                    break
                index -= self._counts[other]
        return number

    def find(self, number: str) -> Sequence[int]:
        """Return the index of a number; none of what the automaton does not take."""
        state, index = 0, 0
        for code in map(CHARACTERS.index, number):
            if code not in self._arrows[state]:
                return ()
            before = (
                other for other_code, other in self._arrows[state].items() if other_code < code
            )
            index += self._is_final[state] + sum(self._counts[other] for other in before)
            state = self._arrows[state][code]
        return (index,) if self._is_final[state] else ()

    def list_choices(self) -> list[dict[int, dict[int, int]]]:
        """Return, by how many characters are left, where each state may go to use them all up.

        That is a dict of states, each with the states that characters lead to, by their codes.
        """
        choices: list[dict[int, dict[int, int]]] = [
            {state: {} for state, is_final in enumerate(self._is_final) if is_final}
        ]
        for _ in range(self.max_digits):
            arrows = [
                {code: other for code, other in row.items() if other in choices[-1]}
                for row in self._arrows
            ]
            choices.append({state: row for state, row in enumerate(arrows) if row})
        return choices

    def _sort(self) -> list[int]:
        """Return the states, each after those that it leads to."""
        order: dict[int, None] = {}
        open_states = [0]
        while open_states:
            left = set(self._arrows[open_states[-1]].values()) - order.keys()
            if left:
                open_states += sorted(left)
            else:
                order[open_states.pop()] = None
        return list(order)
