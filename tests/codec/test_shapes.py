"""Masks as run lengths and as polygons: the very pixels, by our own rules and by pycocotools."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy.ndimage import label

from conftest import draw_glyph
from digit_sequence.codec.polygons import find_area, join_polygons, trace_polygons
from digit_sequence.codec.run_lengths import decode_mask, encode_masks


@st.composite
def places(draw):
    """Draw a mask and its place in an image: (mask, row, column, image shape)."""
    height, width = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    mask = draw(arrays(np.bool_, (height, width)))
    top, below, left, right = draw(st.tuples(*[st.integers(0, 40)] * 4))
    return mask, top, left, (height + top + below, width + left + right)


def put(mask, top, left, shape):
    """Return the mask of a whole image."""
    whole = np.zeros(shape, np.bool_)
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return whole


def encode(mask, top, left, shape):
    """Encode one mask."""
    (text,) = encode_masks(mask[None], np.array([[top, left]]), np.array([shape]))
    return text


def fill(polygons, shape):
    """Fill polygons by the rule of even and odd: columns of corners that lie left of a pixel."""
    filled = np.zeros(shape, np.int64)
    for polygon in polygons:
        corners = np.reshape(polygon, (-1, 2)).tolist()
        for (column, row), (_, end) in zip(corners, [*corners[1:], corners[0]], strict=True):
            filled[min(row, end) : max(row, end), column:] += 1
    return filled % 2 == 1


# -- run lengths -----------------------------------------------------------------------------------


def test_run_lengths_by_hand():
    """Runs go down the columns, ink second; the fourth is the difference from the second."""
    mask = np.array([[0, 1], [1, 1], [1, 0]], np.bool_)
    assert encode(mask, 0, 0, (3, 2)) == "141"  # 1 without, 4 with (over the edge), 1 without
    assert encode(np.ones((2, 2), np.bool_), 0, 0, (2, 2)) == "04"
    assert encode(np.zeros((2, 2), np.bool_), 0, 0, (2, 2)) == "4"
    # Runs 1 1 2 3 1: the fourth is 3 - 1, the last 1 - 2, which is 31 in five bits.
    mask = np.array([[0, 1, 0, 0, 1, 1, 1, 0]], np.bool_)
    assert encode(mask, 0, 0, (1, 8)) == "1122O"
    # 40 is 8 and 1 times 32: of more characters than one.
    assert encode(np.ones((1, 1), np.bool_), 0, 40, (1, 41)) == "X11"


@given(place=places())
def test_run_lengths_there_and_back(place):
    """What is encoded is decoded to the same."""
    assert_array_equal(decode_mask(encode(*place), *place[-1]), put(*place))


@given(several=st.lists(places(), max_size=4))
def test_masks_are_encoded_apart(several):
    """Each of a stack is encoded as it is alone, whatever its place and its image."""
    stack = np.zeros((len(several), 9, 9), np.bool_)
    for target, (mask, *_) in zip(stack, several, strict=True):
        target[: mask.shape[0], : mask.shape[1]] = mask
    corners = np.array([place[1:3] for place in several]).reshape(-1, 2)
    shapes = np.array([place[3] for place in several]).reshape(-1, 2)
    assert encode_masks(stack, corners, shapes) == [encode(*place) for place in several]


@given(place=places())
def test_run_lengths_are_those_of_pycocotools(place):
    """The package writes the same text."""
    pycocotools = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    encoded = pycocotools.encode(np.asfortranarray(put(*place).astype(np.uint8)))
    assert encoded["counts"] == encode(*place).encode()
    assert tuple(encoded["size"]) == place[-1]


@pytest.mark.parametrize(
    "text", ["", "3", "5", "113", "1O4", "1\u00e922", "P", "o" * 30, "0", "~~"]
)
def test_damaged_run_lengths(text):
    """What is no mask of the image is an error, not a guess."""
    with pytest.raises(ValueError, match="expected run"):
        decode_mask(text, 2, 2)


def test_mask_of_a_vast_image():
    """A mask that says it is of more pixels than any image takes no memory."""
    encoded = encode(np.ones((1, 1), np.bool_), 0, 0, (1 << 14, 1 << 14))
    with pytest.raises(ValueError, match="expected runs of 16384 x 16384 pixels"):
        decode_mask(encoded, 1 << 14, 1 << 14)


@given(text=st.text(max_size=12))
def test_any_text_is_a_mask_or_an_error(text):
    """Decoding gives a mask of the image, or raises a ValueError."""
    with contextlib.suppress(ValueError):
        assert decode_mask(text, 3, 4).shape == (3, 4)


# -- polygons --------------------------------------------------------------------------------------


def trace_one(mask, top=0, left=0):
    """Trace one mask."""
    (polygons,) = trace_polygons(mask[None], np.array([[top, left]]))
    return polygons


def trace(*rows):
    """Trace a picture."""
    return trace_one(np.array([[it == "#" for it in row] for row in rows]))


def test_polygons_by_hand():
    """Clockwise from the first corner; corners join nothing; a hole is cut into its ring."""
    assert trace("#") == [[0, 0, 1, 0, 1, 1, 0, 1]]
    assert trace("##", "#.") == [[0, 0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2]]
    assert trace("#.", ".#") == [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]
    ring = [0, 0, 1, 0, 1, 2, 2, 2, 2, 1, 1, 1, 1, 0, 3, 0, 3, 3, 0, 3]
    assert trace("###", "#.#", "###") == [ring]


@given(mask=arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_polygons_enclose_the_pixels(mask):
    """They fill to the mask, alone and joined; area, parts, box and turns are right."""
    polygons = trace_one(mask)
    assert_array_equal(fill(polygons, mask.shape), mask)
    assert len(polygons) == label(mask)[1]
    if not polygons:
        return
    assert find_area(polygons) == mask.sum() == find_area([join_polygons(polygons)])
    points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in polygons])
    rows, columns = np.nonzero(mask)
    assert points.min(axis=0).tolist() == [columns.min(), rows.min()]
    assert points.max(axis=0).tolist() == [columns.max() + 1, rows.max() + 1]
    for polygon in polygons:
        steps = np.diff(np.reshape([*polygon, *polygon[:2]], (-1, 2)), axis=0)
        assert ((steps == 0).sum(axis=1) == 1).all()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of the package
@given(place=places())
def test_polygons_are_understood_by_pycocotools(place):
    """The package fills them to the very mask, alone and joined."""
    pycocotools = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    polygons = trace_one(*place[:3])
    for shapes in (polygons, [join_polygons(polygons)]) if polygons else ():
        filled = pycocotools.decode(pycocotools.merge(pycocotools.frPyObjects(shapes, *place[-1])))
        assert_array_equal(filled.astype(np.bool_), put(*place))


@given(several=st.lists(places(), max_size=4))
def test_polygons_are_traced_apart(several):
    """Each of a stack is traced as it is alone, wherever it lies."""
    stack = np.zeros((len(several), 9, 9), np.bool_)
    for target, (mask, *_) in zip(stack, several, strict=True):
        target[: mask.shape[0], : mask.shape[1]] = mask
    corners = np.array([place[1:3] for place in several]).reshape(-1, 2)
    assert trace_polygons(stack, corners) == [trace_one(*place[:3]) for place in several]


def test_a_digit_with_two_holes():
    """An 8 is one polygon."""
    mask = draw_glyph(8, 0) > 60
    assert label(~mask)[1] == 3
    (polygon,) = trace_one(mask)
    assert_array_equal(fill([polygon], mask.shape), mask)
