"""Dark ink on a bright ground."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section


class Invert(Page):
    """Turn bright ink on black into dark ink on white."""

    name: ClassVar = "invert"
    section: ClassVar[Section] = "line"
    example: ClassVar = {}
    columns: ClassVar = (Column("inverted", "bool", "dark ink on a bright ground"),)

    class Settings(Chance):
        """Dark ink on a bright ground."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance."""
        (words,) = stream.per_sample(1)
        return {"inverted": self.is_chosen(words)}

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Invert the pages that drew it."""
        inverted = drawn["inverted"]
        pages.pixels[inverted] = 255 - pages.pixels[inverted]
