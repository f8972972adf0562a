"""Samples as HTML for notebooks: encoded images with their labels, in the text itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape

from digit_sequence.base.text import escape_line

SHOWN = 12
"""Samples of a split on a sheet."""
_PNG = b"\x89PNG"
_MOST_LETTERS = 60


def write_sheet(groups: Mapping[str, Iterable[tuple[str, bytes]]]) -> str:
    """Return numbers and their images, PNG or JPEG, as HTML.

    Parameters
    ----------
    groups : mapping of str to iterable of (str, bytes)
        By heading.
    """
    return "".join(
        f"<p><strong>{_escape(heading)}</strong></p>"
        '<div style="display: flex; flex-wrap: wrap; gap: 10px">'
        + "".join(_write_tile(number, encoded) for number, encoded in tiles)
        + "</div>"
        for heading, tiles in groups.items()
    )


def _write_tile(number: str, encoded: bytes) -> str:
    name = _escape(number[:_MOST_LETTERS])
    kind = "png" if encoded.startswith(_PNG) else "jpeg"
    return (
        f'<figure style="margin: 0"><img alt="{name}" style="height: 48px; max-width: 100%" '
        f'src="data:image/{kind};base64,{b64encode(encoded).decode()}">'
        f'<figcaption style="font-size: 80%">{name}</figcaption></figure>'
    )


def _escape(text: str) -> str:
    return escape(escape_line(text))
