"""Compiled loops that code the pixels of a JPEG as libjpeg-turbo does.

Blocks of one level need no transform. The others are transformed `LANES` at a time: coefficient k
of block b is at ``k * LANES + b``, so that each loop over blocks is one over vectors. Places are
computed without a sign, since those below 0 are not looked for then.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import types

from digit_sequence.base.compiled import copy_bytes, inner, kernel, reads
from digit_sequence.base.words_kernels import (
    WORD,
    count_zeros,
    load_word,
    store_word,
    turn_bytes,
)
from digit_sequence.codec.jpeg_tables import BLOCK, MAX_BLOCK_BITS

LANES = 64
ROW = BLOCK * LANES
"""Values of a row of each block."""
_REPEATED, _TOP_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_MIDDLE = 128
"""What is subtracted from each pixel."""
# The constants of the transform (Loeffler, Ligtenberg and Moschytz, 1989), times 2^13.
_C0_298, _C0_390, _C0_541, _C0_765, _C0_899, _C1_175, _C1_501, _C1_847, _C1_961, _C2_053 = map(
    np.int32, (2446, 3196, 4433, 6270, 7373, 9633, 12299, 15137, 16069, 16819)
)
_C2_562, _C3_072 = np.int32(20995), np.int32(25172)
_END_OF_BLOCK, _SIXTEEN_ZEROS = np.int64(0), np.int64(15 << 4)
"""Symbols that no coefficient stands behind."""


@inner
def _copy_rows(image, top, width, strip, stride):
    """Fill a strip of whole blocks from the rows at `top`; the last row and column go on."""
    for y in range(BLOCK):
        row = strip[y * stride : (y + 1) * stride]
        copy_bytes(image[min(top + y, len(image) - 1)][:width], row[:width])
        for x in range(width, stride):
            row[x] = row[width - 1]


@inner
def _copy_block(strip, stride, left, blocks, lane):
    """Copy a block of a strip; tell whether it is of one level."""
    same, other = np.uint64(strip[left]) * _REPEATED, np.uint64(0)
    for y in range(BLOCK):
        word = load_word(strip, y * stride + left)
        other |= word ^ same
        store_word(blocks, lane * 64 + y * BLOCK, word)
    return not other


@inner
def _spread(blocks, values):
    """Set what is transformed from the pixels of some blocks."""
    for place in range(64):
        for lane in range(LANES):
            values[place * LANES + lane] = np.int32(blocks[lane * 64 + place]) - np.int32(_MIDDLE)


@inner
def _add(a, b):
    return np.int32(a + b)


@inner
def _subtract(a, b):
    return np.int32(a - b)


@inner
def _times(a, b):
    return np.int32(a * b)


@inner
def _round(value, n_bits):
    """Return a value without its lowest bits, rounded half up."""
    return np.int32(_add(value, np.int32(1) << n_bits - np.int32(1)) >> n_bits)


@inner
def _transform(source, target, step, other, is_last):
    """Transform blocks along their rows, whose places are `step` apart; at last along columns.

    Rows are `other` apart. The first pass leaves values four times as large, the last does not.
    """
    n_bits = np.int32(15) if is_last else np.int32(11)
    for row in range(BLOCK):
        for i in range(row * other, row * other + LANES):
            x0, x1, x2, x3 = source[i], source[i + step], source[i + 2 * step], source[i + 3 * step]
            x4, x5 = source[i + 4 * step], source[i + 5 * step]
            x6, x7 = source[i + 6 * step], source[i + 7 * step]
            s0, s1, s2, s3 = _add(x0, x7), _add(x1, x6), _add(x2, x5), _add(x3, x4)
            d0, d1 = _subtract(x0, x7), _subtract(x1, x6)
            d2, d3 = _subtract(x2, x5), _subtract(x3, x4)
            outer, middle = _add(s0, s3), _add(s1, s2)
            if is_last:
                target[i] = _round(_add(outer, middle), np.int32(2))
                target[i + 4 * step] = _round(_subtract(outer, middle), np.int32(2))
            else:
                target[i] = np.int32(_add(outer, middle) << 2)
                target[i + 4 * step] = np.int32(_subtract(outer, middle) << 2)
            a, b = _subtract(s0, s3), _subtract(s1, s2)
            both = _times(_add(a, b), _C0_541)
            target[i + 2 * step] = _round(_add(both, _times(a, _C0_765)), n_bits)
            target[i + 6 * step] = _round(_subtract(both, _times(b, _C1_847)), n_bits)
            a, b, c, d = _add(d3, d1), _add(d2, d0), _add(d3, d0), _add(d2, d1)
            both = _times(_add(a, b), _C1_175)
            a, b = _subtract(both, _times(a, _C1_961)), _subtract(both, _times(b, _C0_390))
            c, d = _times(c, _C0_899), _times(d, _C2_562)
            target[i + 7 * step] = _round(_add(_subtract(_times(d3, _C0_298), c), a), n_bits)
            target[i + 5 * step] = _round(_add(_subtract(_times(d2, _C2_053), d), b), n_bits)
            target[i + 3 * step] = _round(_add(_subtract(_times(d1, _C3_072), d), a), n_bits)
            target[i + step] = _round(_add(_subtract(_times(d0, _C1_501), c), b), n_bits)


@inner
def _divide(value, divisor):
    """Return the size of a value divided, rounded half up, and its sign: 0, or -1 below 0.

    In single precision the quotient of such small whole numbers is one only if it truly is.
    """
    sign = np.int32(value >> np.int32(31))
    size = _add(_subtract(np.int32(value ^ sign), sign), np.int32(divisor >> np.int32(1)))
    return np.int32(np.float32(size) / np.float32(divisor)), sign


@inner
def _pack(size, sign):
    """Return the bits that stand for a coefficient, and how many in the high half."""
    # The exponent of a number tells how many bits it has.
    n_bits = np.int32(np.int32(np.float32(size).view(np.int32) >> np.int32(23)) - np.int32(126))
    n_bits = n_bits if size > 0 else np.int32(0)
    ones = _subtract(np.int32(np.int32(1) << (n_bits & np.int32(31))), np.int32(1))
    return np.int32(np.int32(np.int32(size ^ sign) & ones) | np.int32(n_bits << np.int32(16)))


@inner
def _quantise(values, zigzag, divisors, packed, masks):
    """Set what coefficients are coded as, in zigzag order, and which of them are not 0."""
    for i in range(2 * LANES):
        masks[i] = 0
    for k in range(1, 64):
        here, there = zigzag[k] * LANES, k * LANES
        bit, part = np.int32(np.int32(1) << np.int32(k & 31)), (k >> 5) * LANES
        divisor = divisors[k]
        for lane in range(LANES):
            size, sign = _divide(values[np.uint64(here + lane)], divisor)
            packed[np.uint64(there + lane)] = _pack(size, sign)
        for lane in range(LANES):
            is_some = np.int32(packed[np.uint64(there + lane)] != 0)
            masks[np.uint64(part + lane)] |= _times(is_some, bit)


@inner
def _put(target, place, word, n_bits, packed, string):
    """Write a code with the bits behind it; the first `n_bits` of `word` are not written yet."""
    bits = np.int64(packed & 0xFFFF) | string & 0xFFFFFFFF
    n_bits += string >> 32
    word |= bits << 64 - n_bits
    store_word(target, place, turn_bytes(np.uint64(word)))
    return place + (n_bits >> 3), word << (n_bits & ~7), n_bits & 7


@inner
def _code_blocks(lanes, grounds, values, packed, masks, divisor, codes, rest, writer, bits):
    """Write blocks, each of a lane or, where that is below 0, of a level; return the writer.

    `writer` is a place in `bits`, a word, its count of bits, and the level of the block before.
    """
    place, word, n_bits, before = writer
    for b in range(len(lanes)):
        lane = lanes[b]
        value, mask = np.int32((np.int32(grounds[b]) - _MIDDLE) * 64), np.uint64(0)
        if lane >= 0:
            value = values[lane]
            high, low = np.uint32(masks[LANES + lane]), np.uint32(masks[lane])
            mask = np.uint64(high) << np.uint64(32) | np.uint64(low)
        size, sign = _divide(value, divisor)
        level = _subtract(np.int32(size ^ sign), sign)
        step, before = _subtract(level, before), level
        value = _pack(np.int32(abs(step)), np.int32(step >> np.int32(31)))
        place, word, n_bits = _put(bits, place, word, n_bits, value, codes[value >> 16])
        last = np.int64(0)
        while mask:
            k = count_zeros(mask)
            mask &= mask - np.uint64(1)
            n_zeros, last = k - last - 1, k
            while n_zeros > 15:
                string = rest[_SIXTEEN_ZEROS]
                place, word, n_bits = _put(bits, place, word, n_bits, np.int32(0), string)
                n_zeros -= 16
            value = packed[np.uint64(k * LANES + lane)]
            string = rest[np.uint64(n_zeros << 4 | np.int64(value >> 16))]
            place, word, n_bits = _put(bits, place, word, n_bits, value, string)
        if last < 63:
            string = rest[_END_OF_BLOCK]
            place, word, n_bits = _put(bits, place, word, n_bits, np.int32(0), string)
    return place, word, n_bits, before


@inner
def _stuff(bits, size, target, there):
    """Copy bytes to a place, and a 0 behind each that is 255; return where they end."""
    here = np.int64(0)
    while here < size:
        word = load_word(bits, here)
        store_word(target, there, word)
        full = (~word - _REPEATED) & word & _TOP_BITS
        if full:
            step = (count_zeros(full) >> 3) + 1
            here, there = here + step, there + step
            if here <= size:
                target[there] = 0
                there += 1
        else:
            here, there = here + WORD, there + WORD
    return there - (here - size)


@kernel(
    *(reads(types.int64, 1), reads(types.int32, 1), reads(types.int64, 1), reads(types.int64, 1)),
    *(reads(types.uint8, 3), reads(types.int64, 1), types.uint8[::1], types.int64[::1]),
)
def encode_into(zigzag, divisors, levels, rest, images, widths, target, ends):
    """Code the pixels of images, one after another.

    Parameters
    ----------
    zigzag, divisors, levels, rest
        As of `jpeg_tables`.
    images, widths, target, ends
        As of `groups.Kernel`.
    """
    height = images.shape[1]
    widest = (images.shape[2] + BLOCK - 1) // BLOCK * BLOCK
    n_most = (height + BLOCK - 1) // BLOCK * (widest // BLOCK)
    strip = np.empty(BLOCK * widest, np.uint8)
    blocks = np.zeros(64 * LANES, np.uint8)
    values, others = np.empty(64 * LANES, np.int32), np.empty(64 * LANES, np.int32)
    packed = np.empty(64 * LANES, np.int32)
    masks = np.empty(2 * LANES, np.int32)
    lanes, grounds = np.empty(n_most, np.int64), np.empty(n_most, np.uint8)
    bits = np.empty(n_most * MAX_BLOCK_BITS // 8 + 2 * WORD, np.uint8)
    begin = np.int64(0)
    for i in range(len(images)):
        stride = (widths[i] + BLOCK - 1) // BLOCK * BLOCK
        writer = np.int64(0), np.int64(0), np.int64(0), np.int32(0)
        first = n_blocks = n_lanes = 0
        for top in range(0, height, BLOCK):
            _copy_rows(images[i], top, widths[i], strip, stride)
            for left in range(0, stride, BLOCK):
                is_level = _copy_block(strip, stride, left, blocks, n_lanes)
                lanes[n_blocks], grounds[n_blocks] = n_lanes, strip[left]
                if is_level:
                    lanes[n_blocks] = -1
                else:
                    n_lanes += 1
                n_blocks += 1
                is_end = top + BLOCK >= height and left + BLOCK >= stride
                if n_lanes < LANES and not is_end:
                    continue
                if n_lanes:
                    _spread(blocks, values)
                    _transform(values, others, LANES, ROW, False)
                    _transform(others, values, ROW, LANES, True)
                    _quantise(values, zigzag, divisors, packed, masks)
                writer = _code_blocks(
                    *(lanes[first:n_blocks], grounds[first:n_blocks], values, packed, masks),
                    *(divisors[0], levels, rest, writer, bits),
                )
                first, n_lanes = n_blocks, 0
        place, _, n_bits, _ = writer
        if n_bits:
            bits[place] |= 0xFF >> n_bits
            place += 1
        begin = _stuff(bits, place, target, begin)
        ends[i] = begin
