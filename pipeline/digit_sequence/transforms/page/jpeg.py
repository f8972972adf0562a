"""The artefacts of JPEG."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE
from digit_sequence.base.columns import Column
from digit_sequence.base.randomness import Stream
from digit_sequence.transforms.canvas import Pages
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

Quality = Annotated[int, Field(ge=5, le=100)]


class Jpeg(Page):
    """Compress a page as a JPEG file, and read it back."""

    name: ClassVar = "jpeg"
    section: ClassVar[Section] = "line"
    example: ClassVar[Any] = {"quality": [10, 60]}
    columns: ClassVar = (Column("jpeg", "int16", "quality of a JPEG between; 0: none"),)

    class Settings(Chance):
        """Artefacts of JPEG."""

        quality: Annotated[tuple[Quality, Quality], *AS_RANGE]
        """Quality, 5 to 100."""

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Compress the pages that drew it."""
        from digit_sequence.codec.encoding import decode_image, encode_image

        for sample in np.flatnonzero(drawn["jpeg"]).tolist():
            page = pages.pixels[sample]
            page[:] = decode_image(encode_image(page, "jpeg", int(drawn["jpeg"][sample])))
