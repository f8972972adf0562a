"""The page of a report: one HTML file that asks no network for anything.

Names and texts of a dataset were written by anybody: the templates escape them, and a content
security policy keeps the page from loading anything, and from running any script but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from digit_sequence.base.text import escape_line
from digit_sequence.base.version import __version__
from digit_sequence.report.panel import Element, Fact


@dataclass(frozen=True)
class Section:
    """A panel as the page shows it."""

    name: str
    title: str
    lead: str
    elements: Sequence[Element]


def write_page(name: str, facts: Sequence[Fact], sections: Sequence[Section]) -> str:
    """Return the page of a dataset.

    Parameters
    ----------
    name : str
        Of the dataset or config, without its folders.
    facts : sequence of Fact
        The head of the page.
    sections : sequence of Section
    """
    environment = Environment(
        loader=PackageLoader("digit_sequence.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_show,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["number"] = lambda cell: isinstance(cell, int | float)
    environment.globals["kind"] = lambda element: type(element).__name__
    style, script = (environment.get_template(file).render() for file in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        name=name,
        facts=facts,
        sections=sections,
        version=__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _show(value: Any) -> Any:
    """Return text of a dataset as a page can show it: without what turns or hides what follows."""
    is_foreign = isinstance(value, str) and not isinstance(value, Markup)
    return escape_line(value) if is_foreign else value


def _hash(text: str) -> str:
    """Return the hash by which a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
