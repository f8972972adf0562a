"""Text and tables: as wide as they are in a file or a pipe, folded to a terminal, never cut."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

GAP = "  "
MIN_ROOM = 30
"""Columns beside what stands before a remark; with less room it stands below."""


def fold_text(text: str, width: int | None) -> str:
    r"""Return a text whose lines end between words; a word that is wider stays whole.

    >>> fold_text("a wheel of a car\n  its tyre", 8)
    'a wheel\nof a car\n  its\n  tyre'
    """
    return text if width is None else "\n".join(_fold_lines(text, width))


def _fold_lines(text: str, width: int) -> Iterator[str]:
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip(" "))]
        if len(line) <= width:
            yield line
        else:
            yield from textwrap.wrap(
                line,
                max(width, len(indent) + 1),
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )


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


def fold_table(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
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
