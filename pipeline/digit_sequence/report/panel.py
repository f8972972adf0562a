"""What a panel of a report declares, in one file: what it counts, and what it shows of that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from digit_sequence.report.batch import Batch
from digit_sequence.report.scene import Scene

Cell = str | int | float
Verdict = Literal["", "good", "bad"]


@dataclass(frozen=True)
class Fact:
    """A figure for the head of the page."""

    value: str
    label: str
    verdict: Verdict = ""


@dataclass(frozen=True)
class Heading:
    """A heading above what follows."""

    text: str


@dataclass(frozen=True)
class Note:
    """A sentence."""

    text: str
    verdict: Verdict = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; numbers stand to the right."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Plot:
    """A drawing, what it shows in words, and its values as a table."""

    title: str
    svg: str
    alt: str
    table: Table
    note: str = ""
    series: Sequence[str] = ()
    """Names of what is drawn in several colours."""


@dataclass(frozen=True)
class Box:
    """The box of a digit on a tile, in pixels of the image."""

    digit: int
    left: int
    top: int
    width: int
    height: int
    color: int
    """One of six, in turn."""


@dataclass(frozen=True)
class Tile:
    """An image with its label."""

    title: str
    caption: str
    width: int
    height: int
    image: str
    """A data URI; so is `mask`, or it is empty."""
    mask: str = ""
    boxes: Sequence[Box] = ()


@dataclass(frozen=True)
class Gallery:
    """Tiles under a heading."""

    title: str
    tiles: Sequence[Tile]
    is_wide: bool = True
    """Whether it takes the whole width of the page."""


Element = Heading | Note | Table | Plot | Gallery


class Panel(ABC):
    """One part of a report; each report has panels of its own, which count as rows go by."""

    name: ClassVar[str]
    """The anchor of its section, and its name in the registry."""
    title: ClassVar[str]
    lead: ClassVar[str]
    """What it shows, and what good looks like: one or two plain sentences."""

    def observe(self, batch: Batch) -> None:  # noqa: B027 - some look at images alone
        """Count label rows."""

    @abstractmethod
    def show(self, scene: Scene) -> Sequence[Element]:
        """Return what to show of all that was counted; nothing: the page has no such section."""

    def list_facts(self) -> Sequence[Fact]:
        """Return figures for the head of the page, after `show`."""
        return ()
