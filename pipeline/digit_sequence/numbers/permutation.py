"""A permutation of the integers below any count, one at a time: a shuffle that holds no list.

Alternating Feistel rounds on (left, right) with moduli whose product is the count or little more
(Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002); results beyond the count
are walked on until one is below it.
"""

from __future__ import annotations

import hashlib
import math

ROUNDS = 8


class Permutation:
    """A permutation of 0 .. count - 1 that a text chooses.

    Parameters
    ----------
    count : int
        At least 1, at most 10**70.
    key : str
        Another key is another permutation.
    """

    def __init__(self, count: int, key: str) -> None:
        self._count = count
        left = math.isqrt(count - 1) + 1
        self._moduli = (left, -(-count // left))
        self._states = [
            hashlib.blake2b(f"{number}/{key}".encode(), digest_size=32) for number in range(ROUNDS)
        ]

    def __getitem__(self, index: int) -> int:
        """Return where `index` goes."""
        if not 0 <= index < self._count:
            raise IndexError(f"expected an index in [0, {self._count}), got {index}")
        index = self._mix(index)
        while index >= self._count:
            index = self._mix(index)
        return index

    def find(self, place: int) -> int:
        """Return which index goes to `place`: the inverse."""
        if not 0 <= place < self._count:
            raise IndexError(f"expected a place in [0, {self._count}), got {place}")
        place = self._mix_back(place)
        while place >= self._count:
            place = self._mix_back(place)
        return place

    def _mix(self, index: int) -> int:
        changed, other = divmod(index, self._moduli[1])
        for number, state in enumerate(self._states):
            digest = state.copy()
            digest.update(other.to_bytes(32, "little"))
            word = int.from_bytes(digest.digest(), "little")
            changed, other = other, (changed + word) % self._moduli[number % 2]
        return changed * self._moduli[1] + other

    def _mix_back(self, place: int) -> int:
        other, changed = divmod(place, self._moduli[1])
        for number, state in reversed(list(enumerate(self._states))):
            digest = state.copy()
            digest.update(other.to_bytes(32, "little"))
            word = int.from_bytes(digest.digest(), "little")
            changed, other = other, (changed - word) % self._moduli[number % 2]
        return other * self._moduli[1] + changed
