"""What DEFLATE (RFC 1951) says, and loops that both engines run.

The loops run as they stand, with lists of Python, or compiled, with arrays. Tokens are what bytes
are told in:

=========  ================================================
0-255      a byte
256        the end
256 + n    n more of the byte before, 3 to 258
=========  ================================================
"""

from __future__ import annotations

from collections.abc import MutableSequence

import numpy as np
from numpy.typing import NDArray

Numbers = MutableSequence[int] | NDArray[np.int64]
ZLIB = b"\x78\x01"
"""How a stream begins (RFC 1950)."""
END, MIN_RUN, MAX_RUN = 256, 3, 258
N_TOKENS = END + MAX_RUN + 1
N_SYMBOLS = 286
"""Bytes, the end, and 29 for lengths of runs."""
MAX_BITS, MAX_BITS_OF_LENGTHS = 15, 7
"""Of a code, and of the code that tells its lengths."""
ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])
"""In which the lengths of that code stand."""
MORE_BITS = np.array([0] * 17 + [3, 7])
"""How many bits stand behind each of its symbols."""
MAX_HEADER = 1 + len(ORDER) + N_SYMBOLS + 2
"""Strings of bits before the first token."""
REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)])


def _list_tokens() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the symbol of each token, what stands behind it, and how many bits that has.

    Behind the symbol of a run stand the rest of its length, and a 0: the distance is 1.
    """
    symbols = np.arange(N_TOKENS)
    rest, n_bits = np.zeros_like(symbols), np.zeros_like(symbols)
    symbol, token = END + 1, END + MIN_RUN
    for n in [0] * 8 + [n for n in range(1, 6) for _ in range(4)]:
        some = slice(token, token + (1 << n))
        symbols[some], rest[some], n_bits[some] = symbol, np.arange(1 << n), n + 1
        symbol, token = symbol + 1, some.stop
    symbols[-1], rest[-1], n_bits[-1] = symbol, 0, 1
    return symbols, rest, n_bits


SYMBOLS, REST, REST_BITS = _list_tokens()


def find_depths(weights: Numbers, depths: Numbers, n_leaves: int) -> None:
    """Find how deep the leaves of a Huffman tree are.

    Parameters
    ----------
    weights : sequence of int, length 2 * n_leaves
        Of the leaves, the lightest first; then zeros, which become those of the nodes above them.
    depths : sequence of int, length 2 * n_leaves
        Filled, for the same.
    n_leaves : int
        At least two.
    """
    leaf, node, root = 0, n_leaves, 2 * n_leaves - 2
    for made in range(n_leaves, root + 1):
        for _ in range(2):
            if leaf < n_leaves and (node == made or weights[leaf] <= weights[node]):
                child, leaf = leaf, leaf + 1
            else:
                child, node = node, node + 1
            weights[made] += weights[child]
            depths[child] = made
    depths[root] = 0
    for child in range(root - 1, -1, -1):
        depths[child] = depths[depths[child]] + 1


def join_zeros(lengths: Numbers, n_lengths: int, symbols: Numbers, rest: Numbers) -> int:
    """Tell the lengths of a code in the symbols that a block begins with.

    Symbols below 16 are lengths; 17 and 18 are some zeros; 16, for others that repeat, is not used.

    Parameters
    ----------
    lengths : sequence of int
    n_lengths : int
        How many of them.
    symbols, rest : sequence of int
        Filled with symbols, and what stands behind each.

    Returns
    -------
    int
        How many symbols.
    """
    place = n_symbols = 0
    while place < n_lengths:
        symbol, run, more = lengths[place], 1, 0
        if symbol == 0:
            while run < min(138, n_lengths - place) and lengths[place + run] == 0:
                run += 1
            if run > 10:
                symbol, more = 18, run - 11
            elif run > 2:
                symbol, more = 17, run - 3
            else:
                run = 1
        symbols[n_symbols], rest[n_symbols] = symbol, more
        place, n_symbols = place + run, n_symbols + 1
    return n_symbols
