"""Options that several commands take: the config, the Dask scheduler, how they tell of it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from digit_sequence.base.errors import ConfigError
from digit_sequence.cli.help import help_option

Command = Callable[..., Any]
_KINDS = {"png": (b"\x89png", "PNG"), "html": (b"<!doctype html", "HTML page")}
"""How a kind of file begins, in small letters, and what it is called."""
_SUFFIXES = {"png": (".png",), "html": (".html", ".htm"), "yaml": (".yaml", ".yml")}
"""How the names of a kind of file end."""


def check_free(path: Path, overwrite: bool, where: str) -> None:
    """Raise a ConfigError if a file to write is there already, and is not to be replaced."""
    if path.exists() and not (overwrite and path.is_file()):
        advice = ", or give --overwrite to replace it" if path.is_file() else ": it is no file"
        raise ConfigError(f"{where}: {path} is there already; name another{advice}")


def check_suffix(path: Path, kind: str, where: str = "--output") -> None:
    """Raise a ConfigError if a file's name says that it is of another kind than what is written."""
    if path.suffix.lower() not in _SUFFIXES[kind]:
        ends = " or ".join(_SUFFIXES[kind])
        raise ConfigError(f"{where}: expected a name that ends in {ends}, got {path}")


def check_made(path: Path, kind: str, where: str = "--output") -> None:
    """Raise a ConfigError if what gets no mark would replace a file of another kind."""
    start, name = _KINDS[kind]
    try:
        with path.open("rb") as file:
            content = file.read(100) if path.is_file() else b""
    except OSError:  # there is none, or who writes it tells
        return
    if content and not content.lstrip().lower().startswith(start):
        raise ConfigError(f"{where}: {path} is there already and is no {name}; name another file")


def overwrite_option(command: Command) -> Command:
    """Add the option --overwrite of commands that write a picture or a page."""
    return click.option(
        "--overwrite",
        is_flag=True,
        help="Replace FILE whatever it is; else only what this made of the same before.",
    )(command)


def output_options(command: Command) -> Command:
    """Add --quiet and --json, which `terminal.Manner` takes, and --help: each command has them."""
    quiet = click.option(
        "--quiet",
        is_flag=True,
        expose_value=False,
        help="Results and what is wrong: no progress, no notes.",
    )
    as_json = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        help="For programs: a line of JSON for each event, the last of which says how it ended.",
    )
    return quiet(as_json(help_option(command)))


def override_option(command: Command) -> Command:
    """Add the option --set."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override a key of the config; the value is YAML. Can be given many times.",
    )(command)


def drawn_option(command: Command) -> Command:
    """Add the option --count of commands that draw some samples of a config."""
    return click.option(
        "-n",
        "--count",
        default=500,
        show_default=True,
        type=click.IntRange(1, 20_000),
        help="Samples of each split that are drawn; of a config alone.",
    )(command)


def config_options(command: Command) -> Command:
    """Add the argument CONFIG and the option --set."""
    return click.argument("config", type=click.Path(path_type=Path))(override_option(command))


def memory_option(command: Command) -> Command:
    """Add the option that says what memory a shard may take."""
    return click.option(
        "--memory-limit",
        metavar="BYTES",
        help="What a worker may need for a shard, such as 2GB.  [default: what Dask's workers, or "
        "this machine, have]",
    )(command)


def scheduler_options(command: Command) -> Command:
    """Add the options that say which Dask scheduler runs the tasks."""
    options = [
        click.option(
            "--scheduler",
            metavar="NAME|ADDRESS",
            help="synchronous, threads, processes, or a Dask scheduler's address such as "
            "tcp://10.0.0.1:8786.  [default: DASK_SCHEDULER_ADDRESS, else processes]",
        ),
        click.option(
            "--scheduler-file", metavar="FILE", help="File a Dask scheduler wrote its address to."
        ),
        click.option(
            "--cluster",
            metavar="MODULE:FACTORY",
            help="Function that returns a Dask cluster, such as "
            "configs/clusters/slurm.py:make_cluster.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="Local processes or threads.  [default: cores]",
        ),
        click.option(
            "--worker-timeout",
            "worker_timeout_seconds",
            type=click.FloatRange(1),
            default=300.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for a cluster without workers.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command
