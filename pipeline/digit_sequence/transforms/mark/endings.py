"""What stands at the ends of a line: the code that `leading` and `trailing` share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.characters import DIGITS
from digit_sequence.base.randomness import Stream, to_uniform
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.mark.marks import (
    Line,
    Marks,
    Traced,
    count_words,
    pick_names,
    trace_marks,
)
from digit_sequence.transforms.transform import Chance, Drawn, Section

Gap = Annotated[float, Field(ge=0, le=2), Decimals(2)]


class EndingSettings(Chance):
    """A mark at an end of a line; it is cut at the edge of the canvas where there is no room."""

    gap: Annotated[tuple[Gap, Gap], *AS_RANGE] = (0.08, 0.4)
    """Columns between mark and digit, in heights of the tallest digit."""


class Ending(Marks):
    """A mark at an end of a line."""

    section: ClassVar[Section] = "line"
    Settings: ClassVar[Any] = EndingSettings
    marks: ClassVar[tuple[tuple[str, float], ...]]
    """Marks and their weights."""
    is_before: ClassVar[bool]
    """Whether it stands before the first digit."""

    def draw(self, stream: Stream) -> dict[str, NDArray[Any]]:
        """Draw a chance and a kind; a number with a sign of its own at that end has no mark."""
        chance, kind = stream.per_sample(2)
        identities = stream.identities
        ends = identities.starts[:-1] if self.is_before else identities.starts[1:] - 1
        is_chosen = self.is_chosen(chance) & (identities.digits[ends] < len(DIGITS))
        return {self.name: np.where(is_chosen, pick_names(kind, self.marks), "")}

    def trace(self, pages: Pages, drawn: Drawn, stream: Stream) -> list[Traced]:
        """Put a mark beside the first or the last digit."""
        samples = np.flatnonzero(drawn[self.name] != "")
        if not len(samples):
            return []
        line = Line(pages)
        digits = pages.starts[samples] if self.is_before else pages.starts[samples + 1] - 1
        _, left, bottom, right = line.boxes[:, digits].astype(np.float64)
        n_words = count_words(name for name, _ in self.marks)
        gap, *words = stream.part("pen").of_samples(samples, 1 + n_words)
        low, high = self.settings.gap
        away = (low + (high - low) * to_uniform(gap)) * line.heights[samples]
        columns = left - 0.5 - away if self.is_before else right - 0.5 + away
        return trace_marks(
            drawn[self.name][samples],
            digits,
            line,
            columns,
            bottom,
            np.stack(words),
            is_before=self.is_before,
        )
