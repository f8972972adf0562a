"""Samples as tiles of a page: the image, its boxes and masks."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digit_sequence.base.names import sample_key
from digit_sequence.look.preview import BOX_COLORS
from digit_sequence.report.panel import Box, Tile
from digit_sequence.report.subject import Picture

MOST_LETTERS = 60
"""Of a number that is shown."""
MOST_SIDE = 2000
"""Pixels of a side of an image that is shown."""
_PALETTE = [0, 0, 0, *(level for color in BOX_COLORS for level in color)]


def make_tile(picture: Picture, caption: str | None = None) -> Tile:
    """Return a sample as a tile; its caption is the key unless another is given."""
    height, width = picture.image.shape
    boxes = [
        Box(digit, left, top, right - left, bottom - top, slot % len(BOX_COLORS))
        for slot, (digit, top, left, bottom, right) in enumerate(picture.boxes.tolist())
    ]
    return Tile(
        title=picture.number[:MOST_LETTERS],
        caption=sample_key(picture.split, picture.ordinal) if caption is None else caption,
        width=width,
        height=height,
        image=make_uri(Image.fromarray(picture.image)),
        mask=_draw_masks(picture.masks) if picture.masks else "",
        boxes=boxes,
    )


def make_image_tile(image: NDArray[np.uint8], title: str, caption: str = "") -> Tile:
    """Return an image (H, W) as a tile without boxes."""
    height, width = image.shape
    return Tile(title, caption, width, height, make_uri(Image.fromarray(image)))


def make_uri(image: Image.Image) -> str:
    """Return an image as the text of a PNG that stands in a page itself."""
    image.thumbnail((MOST_SIDE, MOST_SIDE))  # only what is larger becomes smaller
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _draw_masks(masks: list[NDArray[np.bool_]]) -> str:
    """Draw each digit's ink in its colour, on nothing."""
    slots = np.zeros(masks[0].shape, np.uint8)
    for slot, mask in enumerate(masks):
        slots[mask] = 1 + slot % len(BOX_COLORS)
    image = Image.fromarray(slots).convert("P")
    image.putpalette(_PALETTE)
    image.info["transparency"] = 0
    return make_uri(image)
