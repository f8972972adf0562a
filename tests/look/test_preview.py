"""Contact sheets: their size, their pictures and their boxes, pixel by pixel."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from builds import ALL_TRANSFORMS, build
from digit_sequence.base.characters import INKED, SIGNS
from digit_sequence.base.errors import OutputError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.look.preview import (
    BACKGROUND,
    BOX_COLORS,
    SHEET_WIDTH,
    TEXT_HEIGHT,
    TILE_MARGIN,
    ZOOM,
    Tile,
    draw_sheet,
    draw_tiles,
    read_tiles,
)
from digit_sequence.store.plan_file import load_plan
from digit_sequence.store.storage import Storage

HEADING = 2 * TEXT_HEIGHT


def open_sheet(encoded):
    """Decode a contact sheet to an array of shape (H, W, 3)."""
    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def cut_out(sheet, tile, row=0, column=0):
    """Return the enlarged image of the tile in a row and column of the first group."""
    height, width = (ZOOM * side for side in tile.image.shape)
    top = HEADING + row * (height + TILE_MARGIN + TEXT_HEIGHT) + TEXT_HEIGHT
    left = column * (width + TILE_MARGIN) + TILE_MARGIN
    return sheet[top : top + height, left : left + width]


def make_tile(boxes=()):
    """Return a tile of 10 x 40 pixels that are all different from any box."""
    image = np.arange(400, dtype=np.uint8).reshape(10, 40)
    return Tile(image, "123", np.array(boxes, np.int32).reshape(-1, 4))


@pytest.mark.parametrize(
    ("counts", "columns", "rows"),
    [([1], 14, [1]), ([14], 14, [1]), ([15, 3], 14, [2, 1])],
)
def test_size(counts, columns, rows):
    """A sheet is as many tiles wide as fit, and has a heading and whole rows for each split."""
    names = ["train", "val"]
    sheet = open_sheet(
        draw_sheet({name: [make_tile()] * n for name, n in zip(names, counts, strict=False)})
    )
    tile_width, tile_height = 40 * ZOOM + TILE_MARGIN, 10 * ZOOM + TILE_MARGIN + TEXT_HEIGHT
    assert sheet.shape == (
        sum(rows) * tile_height + len(rows) * HEADING + TILE_MARGIN,
        columns * tile_width + TILE_MARGIN,
        3,
    )
    assert sheet.shape[1] <= SHEET_WIDTH


def test_wide_images_stand_below_each_other():
    """Images wider than a sheet make it wider, one to a row."""
    tile = Tile(np.zeros((8, 1000), np.uint8), "1", np.zeros((0, 4), np.int32))
    sheet = open_sheet(draw_sheet({"train": [tile, tile]}))
    assert sheet.shape[1] == 1000 * ZOOM + 2 * TILE_MARGIN
    assert not cut_out(sheet, tile, row=1).any()


def test_images_are_enlarged_exactly():
    """Each pixel of an image is a grey square; without boxes nothing is drawn over it."""
    boxes = [(2, 3, 5, 9)]
    sheet = open_sheet(draw_sheet({"train": [make_tile(boxes)] * 3}, boxes=False))
    expected = make_tile().image.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    for column in range(3):
        found = cut_out(sheet, make_tile(), column=column)
        np.testing.assert_array_equal(found, np.stack([expected] * 3, axis=-1))
    assert tuple(sheet[0, 0]) == BACKGROUND


def test_boxes_frame_the_ink():
    """A box is a frame on the outermost pixels inside it, in the colour of its slot."""
    boxes = [(0, 0, 10, 40), (2, 3, 5, 9), (7, 20, 8, 21)]
    found = cut_out(open_sheet(draw_sheet({"train": [make_tile(boxes)]})), make_tile())
    expected = make_tile().image.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    expected = np.stack([expected] * 3, axis=-1)
    for box, color in zip(boxes, BOX_COLORS, strict=False):
        top, left, bottom, right = (ZOOM * edge for edge in box)
        expected[[top, bottom - 1], left:right] = color
        expected[top:bottom, [left, right - 1]] = color
    np.testing.assert_array_equal(found, expected)


def test_titles_are_drawn():
    """A number stands above its image, and a shrunk line is marked."""
    sheet = open_sheet(draw_sheet({"train": [make_tile()]}))
    title = sheet[HEADING : HEADING + TEXT_HEIGHT, TILE_MARGIN : TILE_MARGIN + 60]
    assert (title > 200).any()


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_dataset_looks_like_its_config(built, tiny_config, container):
    """A sheet read from shards is the sheet that is drawn from the config, to the last pixel."""
    folder = built(container=container)
    config = tiny_config(**ALL_TRANSFORMS, output={"container": container})
    storage = Storage(str(folder))
    for count in (1, 4, 8, 1000):  # shards have 5 samples, splits have 12 and 5
        drawn = draw_tiles(open_sampler(config), count)
        read = read_tiles(storage, load_plan(storage), count)
        assert {name: len(tiles) for name, tiles in read.items()} == {
            "train": min(count, 12),
            "test": min(count, 5),
        }
        assert draw_sheet(read) == draw_sheet(drawn)


def test_shrunk_lines_are_marked(tiny_config, tmp_path):
    """Titles say the number, and whether the line was shrunk, in drawn and in read sheets."""
    splits = {"train": {"numbers": {"values": ["1234567890", "1"]}, "samples": 2}}
    config = tiny_config(splits=splits, canvas={"width": 60})
    build(config, tmp_path / "out")
    storage = Storage(str(tmp_path / "out"))
    drawn = draw_tiles(open_sampler(config), 2)
    read = read_tiles(storage, load_plan(storage), 2)
    for tiles in (drawn["train"], read["train"]):
        assert [tile.title for tile in tiles] == ["1234567890  (shrunk)", "1"]


@pytest.mark.parametrize(
    "missing", ["labels/test/test-00000.parquet", "images/test/test-00000.tar"]
)
def test_shard_not_built_yet(tiny_config, tmp_path, missing):
    """A shard that is not there is an error that names it and says to build."""
    build(tiny_config(), tmp_path / "out")
    (tmp_path / "out" / missing).unlink()
    storage = Storage(str(tmp_path / "out"))
    with pytest.raises(OutputError, match="test-00000 is not built yet; run the same build again"):
        read_tiles(storage, load_plan(storage), 4)


@pytest.mark.parametrize("sign", SIGNS)
def test_title_shows_each_sign(sign):
    """Each sign looks unlike the others, and unlike a character that the font lacks."""
    others = {*INKED, "\u4e00"} - {sign}
    sheets = {
        title: draw_sheet({"train": [replace(make_tile(), title=title)]})
        for title in [sign, *others]
    }
    assert all(sheets[sign] != sheets[other] for other in others)
