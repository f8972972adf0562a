"""Tables that commands print."""

from __future__ import annotations

from collections.abc import Sequence

from digit_sequence.base.tables import GAP, fold_remark, fold_table
from digit_sequence.base.text import escape_line
from digit_sequence.cli.terminal import echo_lines, find_width


def echo_table(rows: Sequence[Sequence[object]]) -> None:
    """Print a table; see `fold_table`."""
    shown = [[escape_line(value) for value in row] for row in rows]
    echo_lines("\n".join(fold_table(shown, find_width())))


def echo_fact(words: Sequence[str], text: str, widths: Sequence[int]) -> None:
    """Print a row of a table whose other rows are not known yet."""
    lead = GAP.join(escape_line(word).ljust(size) for word, size in zip(words, widths, strict=True))
    echo_lines("\n".join(fold_remark(lead, escape_line(text), find_width())))
