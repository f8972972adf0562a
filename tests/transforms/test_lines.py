"""Printed lines: ruled, around digits, at a corner."""

from __future__ import annotations

import numpy as np
import pytest

from digit_sequence.transforms.page.boxes import Boxes
from digit_sequence.transforms.page.frame import Frame
from digit_sequence.transforms.page.lines import make_lines, paint_lines
from digit_sequence.transforms.page.ruling import Ruling
from rendering import make_identities, make_pages

STREAM = make_identities("1").stream("lines")


def blank(height: int = 20, width: int = 40) -> np.ndarray:
    """Return one page without ink."""
    return np.zeros((1, height, width), np.uint8)


def test_line_covers_its_thickness() -> None:
    """A line of two pixels covers two rows; one of 1.5 half a pixel more; beyond its ends none."""
    pages = blank()
    paint_lines(pages, make_lines([0], 0, (5, 30), 9.5, 0.0, 2.0, 1.0))
    assert (pages[0, 9:11, 5:30] == 255).all()
    assert pages.sum() == 2 * 25 * 255
    pages = blank()
    paint_lines(pages, make_lines([0], 1, (0, 20), 10, 0.0, 1.5, 1.0))
    assert pages[0, 7, 8:13].tolist() == [0, 63, 255, 63, 0]


def test_line_rises_by_its_slope() -> None:
    """The middle of a line follows its slope from where its page begins."""
    pages = blank()
    paint_lines(pages, make_lines([0], 0, (0, 40), 2, 0.25, 1.0, 1.0))
    rows = np.arange(20) @ pages[0] / pages[0].sum(axis=0)
    assert rows == pytest.approx(2 + 0.25 * np.arange(40), abs=0.02)


def test_ink_crosses_print() -> None:
    """Ink on print is darker than both, and full ink stays full."""
    pages = blank()
    pages[0, :, 3], pages[0, :, 5] = 255, 100
    paint_lines(pages, make_lines([0], 0, (0, 40), 9, 0.0, 1.0, 0.5))
    assert pages[0, 9, 3:6].tolist() == [255, 128, 178]


def test_ruling_lies_where_it_is_drawn() -> None:
    """Lines lie at their row and their spacing from it; squared ones stand upright as well."""
    drawn = {
        "ruling": np.array([1.0]),
        "ruling_row": np.array([0.75]),
        "ruling_spacing": np.array([0.5]),
        "ruling_pixels": np.array([1.0]),
        "ruling_degrees": np.array([0.0]),
        "ruling_squared": np.array([False]),
    }
    ruling = Ruling(Ruling.Settings(strength=(1, 1)))
    pages = make_pages(blank())
    ruling.apply(pages, drawn, STREAM)
    inked = pages.pixels[0].sum(axis=1) / 40
    assert inked[[4, 5, 14, 15]] == pytest.approx(127.5, abs=1)  # between two rows
    assert np.delete(inked, [4, 5, 14, 15]).max() == 0
    pages = make_pages(blank())
    ruling.apply(pages, drawn | {"ruling_squared": np.array([True])}, STREAM)
    upright = np.flatnonzero(pages.pixels[0, 0])
    assert np.diff(upright[::2]).tolist() == [10] * (len(upright) // 2 - 1)


def test_each_digit_has_its_box() -> None:
    """Lines stand between digits and around them, whose boxes stay."""
    pages = make_pages(blank(), (6, 5, 14, 11), (5, 15, 14, 21))
    drawn = {
        "printed_boxes": np.array([1.0]),
        "printed_boxes_pixels": np.array([1.0]),
        "printed_boxes_margin": np.array([2.0]),
        "printed_boxes_comb": np.array([False]),
    }
    Boxes(Boxes.Settings(strength=(1, 1))).apply(pages, drawn, STREAM)
    across = pages.pixels[0, 10]
    assert np.flatnonzero(across).tolist() == [3, 12, 13, 22, 23]  # at 3, 12.5 and 22.5
    down = pages.pixels[0, :, 8]
    assert np.flatnonzero(down).tolist() == [3, 15, 16]
    pages.pixels[:] = 0
    Boxes(Boxes.Settings(strength=(1, 1))).apply(
        pages, drawn | {"printed_boxes_comb": np.array([True])}, STREAM
    )
    assert not pages.pixels[0, :11].any()
    assert np.flatnonzero(pages.pixels[0, 14]).tolist() == [3, 12, 13, 22, 23]


@pytest.mark.parametrize("corner", range(4))
def test_frame_has_its_corner(corner: int) -> None:
    """Both lines end at the corner, and go to the sides of the canvas away from it."""
    drawn = {
        "frame": np.array([1.0]),
        "frame_down": np.array([0.1]),
        "frame_across": np.array([0.2]),
        "frame_pixels": np.array([2.0]),
        "frame_degrees": np.array([0.0]),
        "frame_corner": np.array([corner]),
    }
    pages = make_pages(blank())
    Frame(Frame.Settings(strength=(1, 1))).apply(pages, drawn, STREAM)
    page = pages.pixels[0]
    page = page[::-1] if corner >= 2 else page
    page = page[:, ::-1] if corner % 2 else page
    assert (page[1:3, 5:] == 255).all()
    assert (page[3:, 3:5] == 255).all()
    assert not page[:, :2].any()
    assert not page[4:, 6:].any()
