"""Tables: as wide as they are in a file or a pipe, folded to a terminal, and never cut."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

from digit_sequence.base.text import escape_line
from digit_sequence.cli.terminal import echo

GAP = "  "
MIN_ROOM = 30
"""Columns beside what stands before a remark; with less room it stands below."""


def find_width() -> int | None:
    """Return the columns of the terminal that results go to; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fold_remark(lead: str, remark: str, width: int | None, is_below: bool = False) -> list[str]:
    """Return lines with a remark beside what stands before it, or below.

    >>> fold_remark("cache", "can be written to", None)
    ['cache  can be written to']
    >>> fold_remark("cache", "can be written to", 18)
    ['cache', '    can be written', '    to']
    """
    if not remark:
        return [lead.rstrip()]
    if width is None or (not is_below and len(lead + GAP + remark) <= width):
        return [lead + GAP + remark]
    indent = " " * len(lead + GAP)
    if not is_below and width - len(indent) >= MIN_ROOM:
        folded = _wrap(remark, width - len(indent))
        return [lead + GAP + folded[0], *(indent + line for line in folded[1:])]
    return [lead.rstrip(), *(2 * GAP + line for line in _wrap(remark, width - 2 * len(GAP)))]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1), break_on_hyphens=False)


def fold_table(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return a table as lines: names to the left, values to the right, remarks beside or below.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first has the heads, if there are values; the last of each is its remark.
    width : int, optional
        Columns that there are; where values do not fit side by side each has a line.
    """
    columns = [*zip(*rows, strict=True)]
    start, *sizes, longest = (max(map(len, column)) for column in columns)
    lead = start + sum(len(GAP) + size for size in sizes)
    room = None if width is None else width - lead - len(GAP)
    is_below = room is not None and room < min(longest, MIN_ROOM)
    lines = []
    if sizes and width is not None and lead > width:
        (corner, *heads, _), *others = rows
        lines.append(corner)
        for name, *cells, remark in others:
            lines += fold_remark(name, remark, width, is_below)
            for head, cell in zip(heads, cells, strict=True):
                lines += fold_remark(GAP + head.ljust(max(map(len, heads))), cell, width)
        return lines
    for name, *cells, remark in rows:
        aligned = [cell.rjust(size) for cell, size in zip(cells, sizes, strict=True)]
        lines += fold_remark(GAP.join([name.ljust(start), *aligned]), remark, width, is_below)
    return lines


def echo_table(rows: Sequence[Sequence[object]]) -> None:
    """Print a table; see `fold_table`."""
    shown = [[escape_line(value) for value in row] for row in rows]
    echo("\n".join(fold_table(shown, find_width())))


def echo_fact(words: Sequence[str], text: str, widths: Sequence[int]) -> None:
    """Print a row of a table whose other rows are not known yet."""
    lead = GAP.join(escape_line(word).ljust(size) for word, size in zip(words, widths, strict=True))
    echo("\n".join(fold_remark(lead, escape_line(text), find_width())))
