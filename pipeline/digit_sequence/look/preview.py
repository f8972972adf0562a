"""Contact sheets: samples as a person sees them, with their labels and boxes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import SplitName
from digit_sequence.building.origins import is_dataset, open_origin, open_storage
from digit_sequence.building.sampler import Sampler
from digit_sequence.plan.plan import Plan, Shard, SplitPlan
from digit_sequence.read.files import DatasetFiles
from digit_sequence.read.shard_labels import DatasetLayout
from digit_sequence.store.done import label_path
from digit_sequence.store.places import KEEP_BUILDING
from digit_sequence.store.plan_file import load_plan
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
_LACKED = {"€": ("C", "="), "£": ("L", "-")}
"""Signs that the font of Pillow has no shape of, and what is written one over the other instead."""


@dataclass(frozen=True)
class Tile:
    """One sample of a sheet."""

    image: NDArray[np.uint8]
    """(H, W)"""
    title: str
    boxes: NDArray[np.int32]
    """(D, 4) top, left, bottom, right."""


class Preview(NamedTuple):
    """A contact sheet."""

    png: bytes
    n_samples: int


def draw_preview(
    origin: str | os.PathLike[str],
    *,
    count: int = 24,
    boxes: bool = True,
    overrides: Sequence[str] = (),
) -> Preview:
    """Draw a contact sheet of the first samples of each split, as ``digit-sequence preview`` does.

    Of a config the samples are rendered; of a dataset they are read from its shards.

    Parameters
    ----------
    origin : str or path
        Directory of a dataset, or its URI, or a config.
    count : int
        Samples of each split.
    boxes : bool
        Whether to draw the boxes of the digits.
    overrides : sequence of str
        Keys of a config to replace.

    Raises
    ------
    ConfigError, SourceError
        If the config is not valid, or its digits cannot be read.
    OutputError
        If the shards are not there, or cannot be read.
    """
    place = os.fspath(origin)
    if is_dataset(place, overrides):
        storage = open_storage(place)
        tiles = read_tiles(storage, load_plan(storage, any_versions=True), count)
    else:
        tiles = draw_tiles(open_origin(place, overrides), count)
    return lay_out(tiles, boxes)


def lay_out(tiles: Mapping[SplitName, list[Tile]], boxes: bool = True) -> Preview:
    """Return a contact sheet of the samples of each split."""
    groups = {f"{name}: {len(group)} samples": group for name, group in tiles.items()}
    return Preview(draw_sheet(groups, boxes), sum(map(len, tiles.values())))


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
                zip(rendered.cut(), recipes.numbers, rendered.scaled, strict=True)
            )
        ]
    return sheets


def read_tiles(storage: Storage, plan: Plan, per_split: int) -> dict[SplitName, list[Tile]]:
    """Read the first samples of each split of a built dataset, by its label index."""
    return {
        name: list(islice(_read_split(storage, plan, split, per_split), per_split))
        for name, split in plan.splits.items()
    }


def _read_split(storage: Storage, plan: Plan, split: SplitPlan, per_shard: int) -> Iterator[Tile]:
    files = DatasetFiles(make_layout(storage, plan))
    for shard in split.shards():
        if storage.size(label_path(shard)) is None:
            raise _not_built(storage, shard)
        try:
            yield from _read_shard(files, shard, per_shard)
        except OutputError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            raise _not_built(storage, shard) from error


def _not_built(storage: Storage, shard: Shard) -> OutputError:
    return OutputError(f"{storage.uri}: {shard.name} is not built yet; {KEEP_BUILDING}")


def make_layout(storage: Storage, plan: Plan) -> DatasetLayout:
    """Return where the samples of a dataset are, which may not be complete."""
    canvas = plan.config.canvas
    return DatasetLayout(
        uri=storage.uri,
        fingerprint=plan.fingerprint,
        height=canvas.height,
        width=canvas.widest,
        min_width=canvas.narrowest,
        shard_samples=plan.config.output.shard_samples,
        samples={name: split.n_samples for name, split in plan.splits.items()},
        check_pixels=False,
    )


def _read_shard(files: DatasetFiles, shard: Shard, count: int) -> Iterator[Tile]:
    labels = files.labels(shard.split, shard.index)
    n_tiles = min(count, shard.n_samples)
    rows = labels.read(["number", "scaled", "boxes"]).slice(0, n_tiles).to_pylist()
    (encoded,) = files.read_encoded([(labels, range(n_tiles))])
    for place, (row, content) in enumerate(zip(rows, encoded, strict=True)):
        image = files.decode(labels, place, content)
        boxes = [[box[e] for e in ("top", "left", "bottom", "right")] for box in row["boxes"]]
        tile_boxes = np.array(boxes, np.int32).reshape(-1, 4)
        yield Tile(image, _make_title(row["number"], row["scaled"]), tile_boxes)


def _make_title(number: str, scaled: bool) -> str:
    return f"{number}  (shrunk)" if scaled else number


def draw_sheet(tiles: Mapping[str, list[Tile]], boxes: bool = True) -> bytes:
    """Draw a contact sheet and return it as PNG.

    Parameters
    ----------
    tiles : mapping of str to list of Tile
        By heading; all images of one height.
    boxes : bool
        Whether to draw the boxes of the digits.
    """
    shapes = [tile.image.shape for group in tiles.values() for tile in group]
    height, width = shapes[0][0], max(shape[1] for shape in shapes)
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
        draw.text((TILE_MARGIN, top + 12), name, TEXT, large)
        top += heading
        for position, tile in enumerate(group):
            row, column = divmod(position, per_row)
            place = (column * tile_width + TILE_MARGIN, top + row * tile_height)
            _write(draw, tile.title, place, small)
            _draw_tile(sheet, draw, tile, (place[0], place[1] + TEXT_HEIGHT), boxes)
        top += -(-len(group) // per_row) * tile_height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _write(draw: ImageDraw.ImageDraw, text: str, place: tuple[int, int], font: Any) -> None:
    base = "".join(_LACKED.get(it, it)[0] for it in text)
    draw.text(place, base, TEXT, font)
    for slot, character in enumerate(text):
        if character in _LACKED:
            left = place[0] + font.getlength(base[:slot])
            draw.text((left, place[1]), _LACKED[character][1], TEXT, font)


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
