"""What commands show on a terminal, and the pictures that they write."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.errors import OutputError
from digit_sequence.base.text import escape

if TYPE_CHECKING:  # for types alone: the build command starts a process before it imports them
    from digit_sequence.building.dataset import BuildResult


def echo(text: object, err: bool = False) -> None:
    """Print a line, or some: the one way of commands to a terminal.

    Much of it was written by others, so nothing in it can steer the terminal; what the terminal has
    no letters for is shown by its code.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = escape(text).encode(encoding, "backslashreplace").decode(encoding)
    click.echo(line, err=err)


class _EscapedRefusal(click.ClickException):
    """What click says of a command that it does not take, with nothing to steer a terminal by."""

    def __init__(self, refusal: click.ClickException) -> None:
        super().__init__(refusal.message)
        self.__dict__["exit_code"] = refusal.exit_code
        self._refusal = refusal

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        """Print it as click does."""
        page = io.StringIO()
        self._refusal.show(page)
        echo(page.getvalue().rstrip("\n"), err=True)


@contextmanager
def escape_refusals() -> Iterator[None]:
    """Have refusals of click printed by `echo`."""
    try:
        yield
    except _EscapedRefusal:
        raise
    except click.ClickException as refusal:
        raise _EscapedRefusal(refusal) from None


@contextmanager
def show_progress(n_samples: int) -> Iterator[Callable[[int, bool], None]]:
    """Show one line with done, total, images/s and time left; nothing if not on a terminal."""
    from tqdm import tqdm  # help and refusals do without

    tqdm.monitor_interval = 0  # no thread that watches the bar
    with tqdm(total=n_samples, unit=" images", disable=None, dynamic_ncols=True) as bar:

        def advance(samples: int, is_new: bool) -> None:
            if not is_new and not bar.disable:
                bar.initial += samples  # images/s and time left count this run alone
            bar.update(samples)

        yield advance


def describe_result(result: BuildResult, uri: str) -> str:
    """Return what a build has made, as a table, and what to do next."""
    splits = result.manifest["splits"]
    lines = [f"{'split':8}{'images':>12}{'shards':>8}{'bytes':>10}"]
    for name, split in splits.items():
        size = describe_bytes(split["bytes"])
        lines.append(f"{name:8}{split['samples']:12,}{split['shards']:8,}{size:>10}")
    scaled, n_samples = (sum(it[name] for it in splits.values()) for name in ("scaled", "samples"))
    if scaled:
        width = result.manifest["image"]["width"]
        lines.append(
            f"{scaled:,} of {n_samples:,} lines were wider than {width} columns and were shrunk to "
            "fit (column `scaled`)"
        )
    rate = result.built_samples / result.seconds
    lines += [
        f"built {result.built_samples:,} images in {result.seconds:.1f} s, {rate:,.0f} images/s"
        if result.built_samples
        else "nothing to build: the dataset was complete",
        f"digest {result.manifest['digest']}",
        f"in {uri}; look at it: digit-sequence preview {quote(uri)}",
    ]
    return "\n".join(lines)


def describe_bytes(n_bytes: float) -> str:
    """Return a count of bytes as people read it.

    >>> describe_bytes(1234567)
    '1.23 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"


def write_file(path: Path, content: bytes) -> None:
    """Write a picture or a report, in a folder that is made if there is none.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
