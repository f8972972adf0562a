"""A picture of real crops beside built ones, with the figures of both."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digit_sequence.match.crops import Crop
from digit_sequence.match.match import Match, compare

WIDTH = 1900
ROWS = 96
"""Height of a crop on the sheet, in pixels."""
MARGIN = 12
MAX_CROPS = 60
"""Of each kind."""
BACKGROUND = (24, 26, 32)
TEXT = (235, 235, 235)
_LINE = 20


def draw_match(match: Match) -> bytes:
    """Return the sheet as PNG: real crops on the left, built ones on the right, figures below."""
    n = min(MAX_CROPS, len(match.crops), len(match.built))
    columns = [_draw_column(crops[:n]) for crops in (match.crops, match.built)]
    table = compare(match)
    height = max(it.height for it in columns) + 40 + MARGIN
    sheet = Image.new("RGB", (WIDTH, height + len(table) * _LINE + 2 * MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for place, (name, column) in enumerate(zip(("real", "built"), columns, strict=True)):
        left = MARGIN + place * WIDTH // 2
        draw.text((left, MARGIN), name, TEXT, ImageFont.load_default(20))
        sheet.paste(column, (left, 40))
    font = ImageFont.load_default(15)
    for row, words in enumerate(table):
        for word, left in zip(words, (0, 150, 400, 650), strict=True):
            draw.text((MARGIN + left, height + row * _LINE), word, TEXT, font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_column(crops: list[Crop]) -> Image.Image:
    """Return crops in rows, as wide as half a sheet."""
    width = WIDTH // 2 - 2 * MARGIN
    places: list[tuple[int, int, Image.Image]] = []
    top = left = 0
    for crop in crops:
        rows, columns = crop.image.shape
        grey = Image.fromarray(np.rint(crop.image).clip(0, 255).astype(np.uint8))
        size = (min(width, max(1, round(columns * ROWS / rows))), ROWS)
        tile = grey.resize(size, Image.Resampling.BICUBIC)
        if left and left + tile.width > width:
            top, left = top + ROWS + MARGIN // 2, 0
        places.append((left, top, tile))
        left += tile.width + MARGIN // 2
    column = Image.new("RGB", (width, top + ROWS), BACKGROUND)
    for left, top, tile in places:
        column.paste(tile.convert("RGB"), (left, top))
    return column
