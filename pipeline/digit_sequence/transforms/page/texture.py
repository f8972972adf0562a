"""Paper from pictures of the user's."""

from __future__ import annotations

import base64
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError
from pydantic import BeforeValidator, Field, ValidationInfo

from digit_sequence.base.blocks import AS_RANGE, Decimals
from digit_sequence.base.columns import Column
from digit_sequence.base.home import expand_home
from digit_sequence.base.randomness import Stream
from digit_sequence.codec.decoding import PICTURE_FORMATS, decode_picture
from digit_sequence.codec.encoding import decode_image, encode_image
from digit_sequence.transforms.canvas import Pages, to_fixed
from digit_sequence.transforms.page.shading import FULL, scale_page
from digit_sequence.transforms.transform import Chance, Drawn, Page, Section

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MAX_FILES = 16
MAX_FILE_BYTES = 32_000_000
MIN_SIDE = 32
MAX_SIDE = 384
"""Rows and columns of a picture that are kept, at most: a dataset carries them."""
CARRIED = "data:"
"""Before pictures that are no path."""
Share = Annotated[float, Field(ge=0, le=1), Decimals(3)]


def _load(value: object, given: ValidationInfo) -> object:
    """Put the pictures of a folder in the place of its path, so that a dataset carries them."""
    if not isinstance(value, str):
        return value
    if value.startswith(CARRIED):
        _unpack(value)
        return value
    folder = Path(given.context or Path(), expand_home(value, given.context or Path()))
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise ValueError(f"{folder}: expected a folder of pictures: {error.strerror}") from error
    if not 1 <= len(files) <= MAX_FILES:
        raise ValueError(
            f"{folder}: expected 1 to {MAX_FILES} pictures, files that end in "
            f"{', '.join(SUFFIXES)}, got {len(files):,}"
        )
    return CARRIED + ",".join(base64.b64encode(_read(path)).decode() for path in files)


def _unpack(carried: str) -> list[NDArray[np.uint8]]:
    """Return the pictures that a config carries."""
    try:
        parts = carried.removeprefix(CARRIED).split(",")
        pictures = [decode_image(base64.b64decode(part, validate=True)) for part in parts]
    except Exception as error:  # whatever Pillow raises
        raise ValueError(f"expected pictures as a dataset carries them: {error}") from error
    if any(picture.ndim != 2 or not picture.any() for picture in pictures):
        raise ValueError("expected grey pictures as a dataset carries them")
    return pictures


def _read(path: Path) -> bytes:
    """Return a picture as a grey PNG file of `MAX_SIDE` rows and columns at most."""
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise ValueError(f"{path}: expected a file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"{path}: expected at most {MAX_FILE_BYTES:,} bytes")
        grey = decode_picture(path.read_bytes())
    except UnidentifiedImageError as error:  # whose words tell of an address in memory
        formats = ", ".join(PICTURE_FORMATS)
        raise ValueError(f"{path}: expected a picture, one of {formats}") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as a picture: {error}") from error
    height, width = grey.shape
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"{path}: expected {MIN_SIDE} rows and columns at least, got {height} x {width}"
        )
    if not grey.any():
        raise ValueError(f"{path}: expected paper, got a black picture")
    return encode_image(np.ascontiguousarray(grey[:MAX_SIDE, :MAX_SIDE]), "png")


class Texture(Page):
    """Multiply pages by parts of pictures of paper, relative to their mean."""

    name: ClassVar = "texture"
    section: ClassVar[Section] = "line"
    kinds: ClassVar = {
        "rough paper": {"folder": "paper", "picture": [0, 0]},
        "half of it": {"folder": "paper", "picture": [0, 0], "strength": [0.5, 0.5]},
        "linen": {"folder": "paper", "picture": [1, 1]},
    }
    columns: ClassVar = (
        Column("texture", "float64", "weight of a texture of the user's, share"),
        Column("texture_row", "float64", "where the part begins, share of what is free"),
        Column("texture_column", "float64", "where the part begins, share of what is free"),
        Column("texture_picture", "float64", "which picture, share of their number"),
    )

    class Settings(Chance):
        """Paper from pictures of the user's."""

        folder: Annotated[str, BeforeValidator(_load)]
        """A folder of 1 to 16 pictures of paper; of each at most 384 rows and columns are used. A
        dataset carries them."""
        strength: Annotated[tuple[Share, Share], *AS_RANGE] = (1, 1)
        """Weight of the texture, 0 for none to 1 for all of it."""
        row: Annotated[tuple[Share, Share], *AS_RANGE] = (0, 1)
        """Where on its picture a part begins; beyond an edge a picture goes on mirrored."""
        column: Annotated[tuple[Share, Share], *AS_RANGE] = (0, 1)
        """Likewise, across."""
        picture: Annotated[tuple[Share, Share], *AS_RANGE] = (0, 1)
        """Which picture, as a share of their number."""

    @cached_property
    def lights(self) -> list[NDArray[np.int64]]:
        """The pictures with their mirror images below and beside them, 2**-16 of their mean."""
        lights = []
        for picture in _unpack(self.settings.folder):
            total = int(picture.sum(dtype=np.int64))
            light = (picture.astype(np.int64) * FULL * picture.size + total // 2) // total
            light = np.concatenate([light, light[::-1]])
            lights.append(np.concatenate([light, light[:, ::-1]], axis=1).clip(0, 16 * FULL))
        return lights

    def _choose(self, drawn: Drawn, sample: int) -> tuple[NDArray[np.int64], int, int, int]:
        """Return the light of a page, the row and column at which it begins, and 1/256 of it."""
        place = min(int(drawn["texture_picture"][sample] * len(self.lights)), len(self.lights) - 1)
        light = self.lights[place]
        row, column = (
            int(drawn[f"texture_{axis}"][sample] * size)
            for axis, size in zip(("row", "column"), light.shape, strict=True)
        )
        return light, row, column, int(to_fixed(drawn["texture"][sample], 256))

    def apply(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Multiply the pages that drew it."""
        for sample in np.flatnonzero(drawn["texture"]).tolist():
            light, row, column, weight = self._choose(drawn, sample)
            page = pages.pixels[sample]
            y, x = np.ogrid[row : row + page.shape[0], column : column + page.shape[1]]
            factors = light[y % light.shape[0], x % light.shape[1]] - FULL
            scale_page(page, FULL + (factors * weight >> 8))

    def apply_compiled(self, pages: Pages, drawn: Drawn, stream: Stream) -> None:  # noqa: ARG002
        """Multiply them by compiled loops."""
        from digit_sequence.transforms.page.shading_kernels import scale_by_part

        for sample in np.flatnonzero(drawn["texture"]).tolist():
            scale_by_part(pages.pixels[sample], *self._choose(drawn, sample))
