"""Compiled loops that compress rows as `deflate` defines it."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import register_jitable

from digit_sequence.base.compiled import copy_bytes, inner, kernel, reads
from digit_sequence.base.words_kernels import WORD, count_zeros, load_word, store_word
from digit_sequence.codec.tokens import (
    END,
    MAX_BITS,
    MAX_BITS_OF_LENGTHS,
    MAX_HEADER,
    MAX_RUN,
    MIN_RUN,
    MORE_BITS,
    N_SYMBOLS,
    N_TOKENS,
    ORDER,
    REST,
    REST_BITS,
    REVERSED,
    SYMBOLS,
    ZLIB,
    find_depths,
    join_zeros,
)

for _function in (find_depths, join_zeros):
    register_jitable(nogil=True, error_model="numpy")(_function)
_BYTE, _REPEATED = np.uint64(8), np.uint64(0x0101010101010101)
_FIRST, _FIRST_THREE = np.uint64(0xFF), np.uint64(0xFFFFFF)
# As values of a type, so that a function is compiled once for both.
_LONGEST, _LONGEST_OF_LENGTHS = np.int64(MAX_BITS), np.int64(MAX_BITS_OF_LENGTHS)
_ADLER_BYTES = 5552
"""As many as can be summed up in 32 bits."""


@inner
def _find_end(content, begin, end):
    """Return where the run ends that `begin` is in, at most `end`."""
    same = np.uint64(content[begin]) * _REPEATED
    place = begin + 1
    while place < end:
        other = load_word(content, place) ^ same
        if other:
            return min(place + (count_zeros(other) >> 3), end)
        place += WORD
    return end


@inner
def _find_tokens(content, size, tokens, counts):
    """Write the tokens of bytes, and count them; return how many there are.

    A word behind the `size` bytes is read as well.
    """
    place = n_tokens = 0
    while place < size:
        word = load_word(content, place)
        value = np.int64(word & _FIRST)
        tokens[n_tokens] = value
        counts[value] += 1
        place, n_tokens = place + 1, n_tokens + 1
        if (word ^ word >> _BYTE) & _FIRST_THREE:
            continue
        end = _find_end(content, place, size)
        while end - place >= MIN_RUN:
            token = END + min(end - place, MAX_RUN)
            tokens[n_tokens] = token
            counts[token] += 1
            place, n_tokens = place + token - END, n_tokens + 1
    tokens[n_tokens] = END
    counts[END] += 1
    return n_tokens + 1


@inner
def _sort_symbols(counts):
    """Return the symbols that occur, the rarest first: sorted by eight bits at a time."""
    keys, others = np.empty(len(counts), np.int64), np.empty(len(counts), np.int64)
    size = most = 0
    for symbol in range(len(counts)):
        keys[size] = counts[symbol] << 9 | symbol
        size += counts[symbol] > 0
        most = max(most, counts[symbol])
    places, shift = np.empty(257, np.int64), 9
    while most:
        places[:] = 0
        for i in range(size):
            places[(keys[i] >> shift & 255) + 1] += 1
        for digit in range(256):
            places[digit + 1] += places[digit]
        for i in range(size):
            digit = keys[i] >> shift & 255
            others[places[digit]] = keys[i]
            places[digit] += 1
        keys, others = others, keys
        shift, most = shift + 8, most >> 8
    for i in range(size):
        keys[i] &= 511
    return keys[:size]


@inner
def _find_lengths(counts, longest, lengths):
    """Fill in how many bits each symbol has; halve the counts if one would have too many."""
    while True:
        symbols = _sort_symbols(counts)
        n_leaves = len(symbols)
        weights, depths = np.zeros(2 * n_leaves, np.int64), np.empty(2 * n_leaves, np.int64)
        for i in range(n_leaves):
            weights[i] = counts[symbols[i]]
        find_depths(weights, depths, n_leaves)
        if depths[0] <= longest:
            break
        for symbol in range(len(counts)):
            counts[symbol] = counts[symbol] + 1 >> 1
    for i in range(n_leaves):
        lengths[symbols[i]] = depths[i]


@inner
def _make_codes(lengths):
    """Return the canonical code of some lengths."""
    before = np.zeros(MAX_BITS + 2, np.int64)
    for symbol in range(len(lengths)):
        before[lengths[symbol] + 1] += 1 << 16 - lengths[symbol]
    before[1] = 0  # of symbols that do not occur
    for n_bits in range(1, MAX_BITS + 1):
        before[n_bits + 1] += before[n_bits]
    codes = np.zeros(len(lengths), np.int64)
    for symbol in range(len(lengths)):
        n_bits = lengths[symbol]
        if n_bits:
            codes[symbol] = REVERSED[before[n_bits] & 255] << 8 | REVERSED[before[n_bits] >> 8]
            before[n_bits] += 1 << 16 - n_bits
    return codes


@inner
def _tell_lengths(lengths, codes, sizes):
    """Write what a block begins with; return how many strings of bits that is."""
    n_lengths = N_SYMBOLS
    while lengths[n_lengths - 1] == 0:
        n_lengths -= 1
    lengths[n_lengths : n_lengths + 2] = 1
    symbols, rest = np.empty_like(lengths), np.empty_like(lengths)
    n_told = join_zeros(lengths, n_lengths + 2, symbols, rest)
    counts, own = np.zeros(len(ORDER), np.int64), np.zeros(len(ORDER), np.int64)
    for i in range(n_told):
        counts[symbols[i]] += 1
    _find_lengths(counts, _LONGEST_OF_LENGTHS, own)
    own_codes = _make_codes(own)
    n_own = len(ORDER)
    while own[ORDER[n_own - 1]] == 0:
        n_own -= 1
    codes[0], sizes[0] = 5 | n_lengths - 257 << 3 | 1 << 8 | n_own - 4 << 13, 17
    for i in range(n_own):
        codes[1 + i], sizes[1 + i] = own[ORDER[i]], 3
    for i in range(n_told):
        symbol = symbols[i]
        codes[1 + n_own + i] = own_codes[symbol] | rest[i] << own[symbol]
        sizes[1 + n_own + i] = own[symbol] + MORE_BITS[symbol]
    return 1 + n_own + n_told


@inner
def _make_block(content, size, tokens, codes, sizes):
    """Find tokens, and strings of bits: of what a block begins with, then of each kind of token.

    Returns how many tokens and strings before them there are, and how many bits all of them have.
    """
    counts, symbols = np.zeros(N_TOKENS, np.int64), np.zeros(N_SYMBOLS, np.int64)
    n_tokens = _find_tokens(content, size, tokens, counts)
    for token in range(N_TOKENS):
        symbols[SYMBOLS[token]] += counts[token]
    lengths = np.zeros(N_SYMBOLS + 2, np.int64)
    _find_lengths(symbols, _LONGEST, lengths)
    by_symbol = _make_codes(lengths)
    n_bits = 0
    for token in range(N_TOKENS):
        symbol = SYMBOLS[token]
        codes[MAX_HEADER + token] = by_symbol[symbol] | REST[token] << lengths[symbol]
        sizes[MAX_HEADER + token] = lengths[symbol] + REST_BITS[token]
        n_bits += counts[token] * sizes[MAX_HEADER + token]
    n_header = _tell_lengths(lengths, codes, sizes)
    for i in range(n_header):
        n_bits += sizes[i]
    return n_tokens, n_header, n_bits


@inner
def _sum_adler(content, size):
    """Return Adler-32 of bytes."""
    low, high = np.int64(1), np.int64(0)
    for start in range(0, size, _ADLER_BYTES):
        n_bytes = min(_ADLER_BYTES, size - start)
        part = content[start : start + n_bytes]
        total = weighted = np.uint32(0)
        for i in range(n_bytes):
            total = np.uint32(total + part[i])
            weighted = np.uint32(weighted + np.uint32(part[i]) * np.uint32(n_bytes - i))
        high = (high + n_bytes * low + np.int64(weighted)) % 65521
        low = (low + np.int64(total)) % 65521
    return high << 16 | low


@inner
def _write(tokens, n_header, codes, sizes, checksum, target):
    """Write a stream; return of how many bytes it is."""
    target[0], target[1] = ZLIB
    place, bits, n_bits = 2, np.uint64(0), 0
    for i in range(n_header + len(tokens)):
        string = i if i < n_header else MAX_HEADER + tokens[i - n_header]
        bits |= np.uint64(codes[string]) << n_bits
        n_bits += sizes[string]
        store_word(target, place, bits)
        place += n_bits >> 3
        bits >>= n_bits & ~7
        n_bits &= 7
    place += n_bits > 0
    for i in range(4):
        target[place + i] = checksum >> 24 - 8 * i & 255
    return place + 4


@kernel(reads(types.uint8, 3), reads(types.int64, 1), types.uint8[::1], types.int64[::1])
def pack_into(images, widths, target, ends):
    """Compress the rows of images into `target`, one after another; set where each ends."""
    height = images.shape[1]
    most = height * (images.shape[2] + 1)
    content, tokens = np.empty(most + WORD, np.uint8), np.empty(most + 1, np.uint16)
    codes = np.empty(MAX_HEADER + N_TOKENS, np.int64)
    sizes = np.empty_like(codes)
    differences, other_tokens = np.empty_like(content), np.empty_like(tokens)
    others, other_sizes = np.empty_like(codes), np.empty_like(codes)
    begin = 0
    for i in range(len(images)):
        stride = widths[i] + 1
        size = height * stride
        for y in range(height):
            content[y * stride] = 0
            copy_bytes(images[i, y][: stride - 1], content[y * stride + 1 : (y + 1) * stride])
        n_tokens, n_header, n_bits = _make_block(content, size, tokens, codes, sizes)
        rows, some, strings, bits = content, tokens, codes, sizes
        if 2 * (n_header + n_tokens) > size:
            for y in range(height):
                differences[y * stride] = 1
                for x in range(y * stride + 1, (y + 1) * stride):
                    differences[x] = content[x] - content[x - 1]
            found = _make_block(differences, size, other_tokens, others, other_sizes)
            if found[2] < n_bits:
                n_tokens, n_header, n_bits = found
                rows, some, strings, bits = differences, other_tokens, others, other_sizes
        begin += _write(
            some[:n_tokens], n_header, strings, bits, _sum_adler(rows, size), target[begin:]
        )
        ends[i] = begin
