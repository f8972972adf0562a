"""Help as wide as the terminal that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from shutil import get_terminal_size
from typing import Any

import click


class Formatter(click.HelpFormatter):
    """Help as wide as the terminal, 40 to 80 columns; where it is narrow, options are lines."""

    def __init__(self, width: int | None = None, **options: Any) -> None:
        columns = min(max(get_terminal_size().columns, 40), 80)
        super().__init__(width=width or columns - 2, **options)

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write a list of terms, of at most so many columns, and what each is."""
        super().write_dl(rows, min(col_max, max(10, self.width - 48)), col_spacing)


class Context(click.Context):
    """What a command runs in."""

    formatter_class = Formatter
