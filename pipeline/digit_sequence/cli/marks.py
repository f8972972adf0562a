"""Marks of pictures and pages: which command wrote them, and of what.

A picture or a page that can be made again replaces the one that the same command made of the same
dataset or config, and nothing else. Its mark is ``digit-sequence COMMAND "PLACE"``: in a PNG the
text ``Software``, in a page the generator. The place is relative to the file, so that a mark is
the same wherever both lie.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import is_remote

_SEARCHED = 4096
"""Bytes of a file, at most, before the end of its mark."""
_MARK = re.compile(rb'digit-sequence ([a-z]+) "([ -!#-~]*)"')


def make_mark(command: str, origin: str, output: Path) -> str:
    """Return the mark of what a command writes of a dataset or a config."""
    place = origin
    if not is_remote(origin):
        try:
            place = os.path.relpath(origin, output.parent)
        except FileNotFoundError:  # the current folder is gone
            place = origin
    return f'digit-sequence {command} "{quote(place)}"'


def mark_png(png: bytes, mark: str) -> bytes:
    """Return a PNG with a mark."""
    from digit_sequence.codec.encoding import add_text

    return add_text(png, "Software", mark)


def mark_page(page: str, mark: str) -> str:
    """Return an HTML page with a mark."""
    return page.replace("<head>", f"<head>\n<meta name=\"generator\" content='{mark}'>", 1)


def check_own(path: Path, mark: str, overwrite: bool) -> None:
    """Raise a ConfigError if a file is there that has another mark, or none."""
    try:
        with path.open("rb") as file:
            content = file.read(_SEARCHED) if path.is_file() else b""
    except OSError:  # there is none, or who writes it tells
        return
    if overwrite or not content or mark.encode() in content:
        return
    found = _MARK.search(content)
    held = (
        f"the {found[1].decode()} of {unquote(found[2].decode())}"
        if found
        else "not by this command"
    )
    raise ConfigError(
        f"--output: {path} is there already, {held}; name another file, or give --overwrite to "
        "replace it"
    )
