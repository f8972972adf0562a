"""Help as wide as the terminal that shows it, and the options that print it and the version."""

from __future__ import annotations

from collections.abc import Iterable
from shutil import get_terminal_size
from typing import Any

import click

from digit_sequence.base.version import __version__
from digit_sequence.cli.terminal import echo_whole


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


def _show_help(context: click.Context, _parameter: click.Parameter, is_wished: bool) -> None:
    if is_wished and not context.resilient_parsing:
        echo_whole(context.get_help())
        context.exit()


def _show_version(context: click.Context, _parameter: click.Parameter, is_wished: bool) -> None:
    if is_wished and not context.resilient_parsing:
        echo_whole(f"digit-sequence, version {__version__}")
        context.exit()


help_option = click.help_option("-h", "--help", callback=_show_help)
version_option = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
