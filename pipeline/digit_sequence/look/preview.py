"""Contact sheets: samples as a person sees them, with their labels and boxes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SplitName
from digit_sequence.building.sampler import Sampler
from digit_sequence.codec.encoding import decode_image
from digit_sequence.plan.plan import Plan, Shard, SplitPlan
from digit_sequence.store.labels import read_labels
from digit_sequence.store.ledger import label_path
from digit_sequence.store.storage import Storage

ZOOM = 3
"""Sheet pixels for each image pixel."""
TILE_MARGIN = 10
TEXT_HEIGHT = 22
SHEET_WIDTH = 1900
BACKGROUND = (24, 26, 32)
TEXT = (235, 235, 235)
BOX_COLORS = (
    (255, 99, 97),
    (88, 196, 120),
    (92, 160, 255),
    (255, 190, 60),
    (200, 120, 255),
    (70, 210, 215),
)
"""One for each digit slot, in turn."""


@dataclass(frozen=True)
class Tile:
    """One sample of a sheet."""

    image: NDArray[np.uint8]
    """(H, W)"""
    title: str
    boxes: NDArray[np.int32]
    """(D, 4) top, left, bottom, right."""


def draw_tiles(sampler: Sampler, per_split: int) -> dict[SplitName, list[Tile]]:
    """Render the first samples of each split of a plan."""
    sheets: dict[SplitName, list[Tile]] = {}
    for name, split in sampler.plan.splits.items():
        rendered = sampler.draw(name, 0, min(per_split, split.n_samples))
        recipes = rendered.recipes
        sheets[name] = [
            Tile(
                image=image,
                title=_make_title(number, bool(scaled)),
                boxes=rendered.boxes[recipes.starts[b] : recipes.starts[b + 1]],
            )
            for b, (image, number, scaled) in enumerate(
                zip(rendered.images, recipes.numbers, rendered.scaled, strict=True)
            )
        ]
    return sheets


def read_tiles(storage: Storage, plan: Plan, per_split: int) -> dict[SplitName, list[Tile]]:
    """Read the first samples of each split of a built dataset, by its label index."""
    return {
        name: list(islice(_read_split(storage, split, per_split), per_split))
        for name, split in plan.splits.items()
    }


def _read_split(storage: Storage, split: SplitPlan, per_shard: int) -> Iterator[Tile]:
    for shard in split.shards():
        yield from _read_shard(storage, shard, per_shard)


def _read_shard(storage: Storage, shard: Shard, count: int) -> Iterator[Tile]:
    try:
        with storage.open(label_path(shard)) as file:
            rows = read_labels(file).slice(0, count).to_pylist()
        for row in rows:
            with storage.open(row["file"]) as file:
                image = decode_image(file.read_at(row["size"], row["offset"]))
            boxes = [[box[e] for e in ("top", "left", "bottom", "right")] for box in row["boxes"]]
            yield Tile(image, _make_title(row["number"], row["scaled"]), np.array(boxes, np.int32))
    except FileNotFoundError as error:
        raise OutputError(
            f"{storage.uri}: {shard.name} is not built yet; run the build again"
        ) from error


def _make_title(number: str, scaled: bool) -> str:
    return f"{number}  (shrunk)" if scaled else number


def draw_sheet(tiles: Mapping[SplitName, list[Tile]], boxes: bool = True) -> bytes:
    """Draw a contact sheet and return it as PNG.

    Parameters
    ----------
    tiles : mapping of str to list of Tile
        All images of one size.
    boxes : bool
        Whether to draw the boxes of the digits.
    """
    height, width = next(iter(tiles.values()))[0].image.shape
    tile_width, tile_height = width * ZOOM + TILE_MARGIN, height * ZOOM + TILE_MARGIN + TEXT_HEIGHT
    per_row = max(1, SHEET_WIDTH // tile_width)
    n_rows = [-(-len(group) // per_row) for group in tiles.values()]
    heading = 2 * TEXT_HEIGHT
    size = (
        per_row * tile_width + TILE_MARGIN,
        sum(n_rows) * tile_height + len(n_rows) * heading + TILE_MARGIN,
    )
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(20), ImageFont.load_default(15)
    top = 0
    for name, group in tiles.items():
        draw.text((TILE_MARGIN, top + 12), f"{name}: {len(group)} samples", TEXT, large)
        top += heading
        for position, tile in enumerate(group):
            row, column = divmod(position, per_row)
            place = (column * tile_width + TILE_MARGIN, top + row * tile_height)
            draw.text(place, tile.title, TEXT, small)
            _draw_tile(sheet, draw, tile, (place[0], place[1] + TEXT_HEIGHT), boxes)
        top += -(-len(group) // per_row) * tile_height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_tile(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, place: tuple[int, int], boxes: bool
) -> None:
    left, top = place
    height, width = tile.image.shape
    enlarged = Image.fromarray(tile.image).resize(
        (width * ZOOM, height * ZOOM), Image.Resampling.NEAREST
    )
    sheet.paste(enlarged.convert("RGB"), place)
    for slot, box in enumerate(tile.boxes if boxes else ()):
        row, column, bottom, right = (int(edge) * ZOOM for edge in box)
        draw.rectangle(
            (left + column, top + row, left + right - 1, top + bottom - 1),
            outline=BOX_COLORS[slot % len(BOX_COLORS)],
        )
