"""Compiled loops that write the members of a tar file, as `tarfile` and `json` would."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import from_dtype, types

from digit_sequence.base.compiled import ZERO, clear, copy_bytes, inner, kernel, reads

TEXT, INTEGER, DECIMAL, INTEGERS, DECIMALS, BOXES = range(6)
"""Kinds of columns of label rows: text as it stands; a number; a number for each digit; a box."""
COLUMN = np.dtype([("kind", np.int64), ("place", np.int64), ("label", np.int64, 2)])
"""A column of label rows: its kind, where it is among those of that kind, and the bounds of the
label that stands before its value."""
UNIT = 10**4
"""Fractions are multiples of 1 / UNIT; none is drawn finer."""
_OPEN, _COMMA, _CLOSE, _END, _MINUS, _POINT, _DIGIT = (np.uint8(ord(c)) for c in "[,]}-.0")


@inner
def _write(out, at, text):
    """Copy text to a place of `out`; return where it ends."""
    copy_bytes(text, out[at : at + len(text)])
    return at + len(text)


@inner
def _write_integer(out, at, value):
    """Write a number; return where it ends."""
    rest, ten = np.uint64(value), np.uint64(10)
    if value < 0:
        out[at] = _MINUS
        at += 1
        rest = np.uint64(-value)
    n_digits, bound = 1, ten
    while n_digits < 20 and rest >= bound:
        n_digits += 1
        bound *= ten
    for place in range(at + n_digits - 1, at - 1, -1):
        out[place] = _DIGIT + rest % ten
        rest //= ten
    return at + n_digits


@inner
def _write_decimal(out, at, value):
    """Write `value` / UNIT as Python does: 0.0, -1.25; return where it ends."""
    if value < 0:
        out[at] = _MINUS
        at += 1
    rest = abs(value) % UNIT
    at = _write_integer(out, at, abs(value) // UNIT)
    out[at] = _POINT
    while True:
        at += 1
        rest *= 10
        out[at] = _DIGIT + rest // UNIT
        rest %= UNIT
        if rest == 0:
            return at + 1


@inner
def _write_list(out, at, values, kind):
    """Write the numbers of a sample's digits; return where they end."""
    for i in range(len(values)):
        out[at] = _COMMA if i else _OPEN
        if kind == DECIMALS:
            at = _write_decimal(out, at + 1, values[i])
        else:
            at = _write_integer(out, at + 1, values[i])
    out[at] = _CLOSE
    return at + 1


@inner
def _write_boxes(out, at, edges, labels, bounds):
    """Write the boxes of a sample; return where they end."""
    for i in range(edges.shape[1]):
        out[at] = _COMMA if i else _OPEN
        at += 1
        for k in range(len(edges)):
            at = _write(out, at, labels[bounds[k] : bounds[k + 1]])
            at = _write_integer(out, at, edges[k, i])
        out[at] = _END
        at += 1
    out[at] = _CLOSE
    return at + 1


@inner
def _close_member(out, start, end, blank, key, extension):
    """Write the header of a member, and zeros up to the next; return where that begins."""
    block = len(blank)
    header = out[start : start + block]
    copy_bytes(blank, header)
    _write(header, _write(header, ZERO, key), extension)
    size = end - start - block
    for place in range(134, 123, -1):
        header[place] = _DIGIT + size % 8
        size //= 8
    total = 0
    for i in range(block):
        total += header[i]
    for place in range(153, 147, -1):
        header[place] = _DIGIT + total % 8
        total //= 8
    header[154] = 0
    stop = start + (end - start + block - 1) // block * block
    clear(out[end:stop])
    return stop


@kernel(
    from_dtype(COLUMN)[::1],
    reads(types.uint8, 1),
    reads(types.int64, 1),
    reads(types.uint8, 1),
    reads(types.int64, 2),
    types.int64[:, ::1],
    reads(types.int64, 2),
    reads(types.int64, 1),
    reads(types.uint8, 1),
    reads(types.int64, 1),
    reads(types.uint8, 2),
    reads(types.uint8, 1),
    types.int64,
    types.uint8[::1],
    returns=types.int64,
)
def write_members(
    columns,
    labels,
    box_bounds,
    text,
    text_bounds,
    numbers,
    lists,
    starts,
    images,
    sizes,
    extensions,
    blank,
    position,
    out,
):
    """Write, for each sample, its image and its label row as members of a tar file.

    Parameters
    ----------
    columns : ndarray of COLUMN, shape (C,)
    labels : ndarray of uint8, shape (L,)
        What stands between the values.
    box_bounds : ndarray of int64, shape (6,)
        Bounds of the labels of digit, top, left, bottom and right.
    text : ndarray of uint8
        All text columns one after another; the first is the key.
    text_bounds : ndarray of int64, shape (T, B + 1)
    numbers : ndarray of int64, shape (N, B)
        Row 0 is the offset of the image, and gets it.
    lists : ndarray of int64, shape (M, G)
    starts : ndarray of int64, shape (B + 1,)
        Which of the G digits are a sample's.
    images : ndarray of uint8
        All encoded images one after another.
    sizes : ndarray of int64, shape (B,)
    extensions : ndarray of uint8, shape (2, E)
        Of the image and of the row.
    blank : ndarray of uint8, shape (512,)
        A header without name and size, blanks for its checksum.
    position : int
        Bytes of the file before these members.
    out : ndarray of uint8
        Gets the members.

    Returns
    -------
    int
        Where in `out` the last one ends.
    """
    at, image_start = ZERO, ZERO
    for b in range(len(sizes)):
        key = text[text_bounds[0, b] : text_bounds[0, b + 1]]
        first, last = starts[b], starts[b + 1]
        numbers[0, b] = position + at + len(blank)
        end = _write(out, at + len(blank), images[image_start : image_start + sizes[b]])
        image_start += sizes[b]
        at = _close_member(out, at, end, blank, key, extensions[0])
        end = at + len(blank)
        for c in range(len(columns)):
            kind, place = columns[c].kind, columns[c].place
            end = _write(out, end, labels[columns[c].label[0] : columns[c].label[1]])
            if kind == TEXT:
                end = _write(out, end, text[text_bounds[place, b] : text_bounds[place, b + 1]])
            elif kind == INTEGER:
                end = _write_integer(out, end, numbers[place, b])
            elif kind == DECIMAL:
                end = _write_decimal(out, end, numbers[place, b])
            elif kind == BOXES:
                edges = lists[place : place + 5, first:last]
                end = _write_boxes(out, end, edges, labels, box_bounds)
            else:
                end = _write_list(out, end, lists[place, first:last], kind)
        out[end] = _END
        at = _close_member(out, at, end + 1, blank, key, extensions[1])
    return at
