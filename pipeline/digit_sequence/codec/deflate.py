"""DEFLATE (RFC 1951) of pictures: run lengths, and a Huffman code made for each picture.

Ground of one level is runs; what libraries look for beside them, a text that was there before, is
hardly in ink. So a stream is one block, whose only matches are of the byte before. The compiled
engine gives the same bytes in a twentieth of the time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.engines import Engine
from digit_sequence.base.images import cut_images
from digit_sequence.codec.groups import Kernel, run_kernel
from digit_sequence.codec.tokens import (
    END,
    MAX_BITS,
    MAX_BITS_OF_LENGTHS,
    MAX_HEADER,
    MAX_RUN,
    MIN_RUN,
    MORE_BITS,
    N_SYMBOLS,
    ORDER,
    REST,
    REST_BITS,
    REVERSED,
    SYMBOLS,
    ZLIB,
    find_depths,
    join_zeros,
)

Strings = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Strings of bits, the first bit lowest, and how many bits each has."""


def pack_rows(image: NDArray[np.uint8]) -> bytes:
    """Compress the rows of an image, as a PNG (ISO/IEC 15948) has them: a zlib stream (RFC 1950).

    Rows are as they are, or hold the differences from pixel to pixel (the filter Sub) where that
    is shorter. It is not tried where most bytes are in runs.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W)
    """
    rows, differences = np.zeros((2, len(image), image.shape[1] + 1), np.uint8)
    rows[:, 1:] = image
    codes, sizes = _make_strings(rows.reshape(-1))
    if 2 * len(codes) > rows.size:
        differences[:, 0] = 1
        differences[:, 1:] = np.diff(rows)
        others, other_sizes = _make_strings(differences.reshape(-1))
        if other_sizes.sum() < sizes.sum():
            rows, codes, sizes = differences, others, other_sizes
    return ZLIB + _join_bits(codes, sizes) + zlib.adler32(rows).to_bytes(4)


def pack_each(
    images: NDArray[np.uint8], widths: NDArray[np.int64], engine: Engine
) -> Iterator[bytes | memoryview]:
    """Yield what `pack_rows` returns of each image.

    Parameters
    ----------
    images, widths
        As of `cut_images`.
    engine : {"skimage", "numba"}
        Changes the speed and nothing else.
    """
    if engine != "numba":
        return map(pack_rows, cut_images(images, widths))
    room = 2 * images.shape[1] * (images.shape[2] + 1) + 4 * MAX_HEADER
    return run_kernel(_load_kernel(), images, widths, room)


@cache
def _load_kernel() -> Kernel:
    """Import the compiled loops, once: the import statement alone takes half a microsecond."""
    from digit_sequence.codec.deflate_kernels import pack_into  # noqa: PLC0415 - is optional

    kernel: Kernel = pack_into
    return kernel


def _make_strings(content: NDArray[np.uint8]) -> Strings:
    """Return what bytes become."""
    tokens = _find_tokens(content)
    counts = np.bincount(SYMBOLS[tokens], minlength=N_SYMBOLS)
    lengths = _find_lengths(counts, MAX_BITS)
    header, header_sizes = _tell_lengths(lengths)
    symbols, sizes = SYMBOLS[tokens], lengths[SYMBOLS[tokens]]
    codes = _make_codes(lengths)[symbols] | REST[tokens] << sizes
    return np.append(header, codes), np.append(header_sizes, sizes + REST_BITS[tokens])


def _find_tokens(content: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the tokens of bytes."""
    begins = np.flatnonzero(np.diff(content.astype(np.int64), prepend=-1))
    full, rest = np.divmod(np.diff(begins, append=len(content)) - 1, MAX_RUN)
    is_run = rest >= MIN_RUN
    n_tokens = 1 + full + np.where(is_run, 1, rest)
    first = np.cumsum(n_tokens) - n_tokens
    tokens = np.append(np.repeat(content[begins].astype(np.int64), n_tokens), END)
    place = np.arange(len(tokens) - 1) - np.repeat(first, n_tokens)
    tokens[:-1][(place > 0) & (place <= np.repeat(full, n_tokens))] = END + MAX_RUN
    tokens[(first + full + 1)[is_run]] = END + rest[is_run]
    return tokens


def _find_lengths(counts: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """Return how many bits each symbol has in a Huffman code; two or more must occur.

    If one would have more than `longest`, counts are halved until none has.
    """
    lengths = np.zeros_like(counts)
    symbols = np.flatnonzero(counts)
    while lengths.max() == 0:
        leaves = symbols[np.argsort(counts[symbols], kind="stable")]
        weights, depths = [*counts[leaves].tolist(), *[0] * len(leaves)], [0] * 2 * len(leaves)
        find_depths(weights, depths, len(leaves))
        if depths[0] <= longest:
            lengths[leaves] = depths[: len(leaves)]
        counts = counts + 1 >> 1
    return lengths


def _make_codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the canonical code of some lengths.

    A code of n bits takes a share of 2^-n; that of the codes before it are its bits.
    """
    symbols = np.flatnonzero(lengths)
    symbols = symbols[np.argsort(lengths[symbols], kind="stable")]
    shares = 1 << 16 - lengths[symbols]
    before = np.cumsum(shares) - shares
    codes = np.zeros_like(lengths)
    codes[symbols] = REVERSED[before & 255] << 8 | REVERSED[before >> 8]
    return codes


def _tell_lengths(lengths: NDArray[np.int64]) -> Strings:
    """Return what a block begins with: that it is the last, and the code of its symbols."""
    n_lengths = int(np.flatnonzero(lengths)[-1]) + 1
    # There is one distance; a code of two is whole, as some decoders want it.
    told = [*lengths[:n_lengths].tolist(), 1, 1]
    symbols, rest = [0] * len(told), [0] * len(told)
    n_told = join_zeros(told, len(told), symbols, rest)
    own = np.array(symbols[:n_told])
    sizes = _find_lengths(np.bincount(own, minlength=len(ORDER)), MAX_BITS_OF_LENGTHS)
    n_sizes = int(np.flatnonzero(sizes[ORDER])[-1]) + 1
    first = 5 | n_lengths - 257 << 3 | 1 << 8 | n_sizes - 4 << 13
    codes = _make_codes(sizes)[own] | np.array(rest[:n_told]) << sizes[own]
    return (
        np.concatenate([[first], sizes[ORDER[:n_sizes]], codes]),
        np.concatenate([[17], [3] * n_sizes, sizes[own] + MORE_BITS[own]]),
    )


def _join_bits(codes: NDArray[np.int64], sizes: NDArray[np.int64]) -> bytes:
    """Return strings of bits, of at most 25 each, one after another."""
    ends = np.cumsum(sizes)
    begins = ends - sizes
    n_bytes = -(-int(ends[-1]) // 8)
    shifted, joined = codes << (begins & 7), np.zeros(n_bytes + 3)
    for k in range(4):  # no two have a bit in common, so that adding joins them
        joined += np.bincount((begins >> 3) + k, shifted >> 8 * k & 255, n_bytes + 3)
    return joined[:n_bytes].astype(np.uint8).tobytes()
