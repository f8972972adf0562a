"""Layers are rectangles of a canvas in one flat buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conftest import find_extent
from digit_sequence.transforms.canvas import (
    LANES,
    Layers,
    find_extents,
    join_layers,
    place_layers,
    to_pixels,
)

places = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9), st.integers(1, 20)),
    min_size=1,
    max_size=5,
)
seeds = st.integers(0, 2**32 - 1)
SPARSE = [0] * 20 + [1, 128, 255]


def fill_layers(
    rectangles: list[tuple[int, ...]], seed: int, values: Any = 256, *, alike: bool = False
) -> Layers:
    """Make layers at some places with random pixels."""
    places = np.array(rectangles, np.int64)
    layers = place_layers(places, np.arange(len(rectangles)), alike=alike)
    layers.pixels[:] = 0
    random = np.random.default_rng(seed)
    for layer in layers:
        layer[:] = random.choice(values, layer.shape)
    return layers


def pixels_of(layers: Layers) -> list[Any]:
    """Return the pixels of all layers, one by one by their places in the buffer."""
    return [
        [
            [int(layers.pixels[start + row * stride + column]) for column in range(width)]
            for row in range(height)
        ]
        for start, stride, (_, _, height, width) in zip(
            layers.starts, layers.strides, layers.places.tolist(), strict=True
        )
    ]


@given(places)
def test_places_of_pixels(rectangles: list[tuple[int, ...]]) -> None:
    """Layers follow each other without a gap; strides are the next multiples of the lanes."""
    layers = place_layers(np.array(rectangles, np.int64), np.arange(len(rectangles)))
    assert len(layers) == len(rectangles)
    assert layers.places.tolist() == [list(place) for place in rectangles]
    start = 0
    for place, found, stride in zip(rectangles, layers.starts, layers.strides, strict=True):
        *_, height, width = place
        assert found == start
        assert stride % LANES == 0
        assert width <= stride < width + LANES
        start += height * stride
    assert layers.pixels.shape == (start,)
    assert layers.pixels.dtype == np.uint8


@given(places)
def test_places_of_pixels_alike(rectangles: list[tuple[int, ...]]) -> None:
    """Layers laid out alike all take as much as the highest and the widest."""
    layers = place_layers(np.array(rectangles, np.int64), np.arange(len(rectangles)), alike=True)
    height, width = np.array(rectangles)[:, 2:].max(axis=0)
    stride = -(-width // LANES) * LANES
    assert layers.strides.tolist() == [stride] * len(rectangles)
    assert layers.starts.tolist() == [height * stride * g for g in range(len(rectangles))]
    assert layers.pixels.shape == (height * stride * len(rectangles),)


@given(places, seeds, st.booleans())
def test_layers_are_views(rectangles: list[tuple[int, ...]], seed: int, alike: bool) -> None:
    """Each layer is its part of the buffer: what is written to it is there, and nowhere else."""
    layers = fill_layers(rectangles, seed, alike=alike)
    assert [layer.tolist() for layer in layers] == pixels_of(layers)
    counts = np.zeros(len(layers.pixels), int)
    for part in layers.parts(counts):
        np.add(part, 1, out=part)
    assert counts.max() == 1
    assert counts.sum() == sum(height * width for *_, height, width in rectangles)
    assert not layers.pixels[counts == 0].any()


@given(places, seeds, st.booleans(), st.data())
def test_choose(
    rectangles: list[tuple[int, ...]], seed: int, alike: bool, data: st.DataObject
) -> None:
    """Chosen layers are those of the whole, in the order of the choice, and share its pixels."""
    layers = fill_layers(rectangles, seed, alike=alike)
    indices = st.integers(0, len(rectangles) - 1)
    chosen = data.draw(st.lists(indices, unique=True))
    few = layers.choose(np.array(chosen, np.int64))
    everything = pixels_of(layers)
    assert len(few) == len(chosen)
    assert [layer.tolist() for layer in few] == [everything[index] for index in chosen]
    assert few.places.tolist() == [list(rectangles[index]) for index in chosen]
    assert few.samples.tolist() == chosen
    few.put(np.full_like(few.stack(), 7))
    assert all((layer == 7).all() for layer in few)
    for index, layer in enumerate(layers):
        assert index not in chosen or (layer == 7).all()
        assert index in chosen or layer.tolist() == everything[index]


@given(places, places, seeds, st.booleans(), st.data())
def test_join(
    first: list[tuple[int, ...]],
    second: list[tuple[int, ...]],
    seed: int,
    alike: bool,
    data: st.DataObject,
) -> None:
    """Joined layers are those of the parts in any order, with samples of their own."""
    parts = [fill_layers(first, seed, alike=alike), fill_layers(second, seed + 1)]
    order = data.draw(st.permutations(range(len(first) + len(second))))
    joined = join_layers(parts, np.array(order), np.array(order) + 10)
    pixels = [*pixels_of(parts[0]), *pixels_of(parts[1])]
    assert pixels_of(joined) == [pixels[g] for g in order]
    assert joined.places.tolist() == [list([*first, *second][g]) for g in order]
    assert joined.samples.tolist() == [g + 10 for g in order]
    assert (joined.stack().sum(axis=(1, 2)) == [np.sum(pixels[g]) for g in order]).all()


@given(places, seeds, st.booleans())
def test_stack_and_put(rectangles: list[tuple[int, ...]], seed: int, alike: bool) -> None:
    """A stack has copies of all layers, with paper beside; putting it back changes nothing."""
    layers = fill_layers(rectangles, seed, alike=alike)
    before = layers.pixels.copy()
    stacked = layers.stack()
    height, width = np.array(rectangles)[:, 2:].max(axis=0)
    shape = layers.block if alike else (height, width)
    assert stacked.shape == (len(rectangles), *shape)
    for picture, layer in zip(stacked, layers, strict=True):
        height, width = layer.shape
        assert (picture[:height, :width] == layer).all()
        assert not picture[height:].any()
        assert not picture[:, width:].any()
    stacked[:] = 255 - stacked
    assert (layers.pixels == before).all()
    layers.put(stacked)
    expected = np.zeros_like(before)
    for part, old in zip(layers.parts(expected), layers.parts(before), strict=True):
        part[:] = 255 - old
    assert (layers.pixels == expected).all()  # 0 right of the width, as it was
    layers.put(255 - stacked)
    assert (layers.pixels == before).all()


def test_stack_of_none() -> None:
    """No layers are a stack of none."""
    layers = fill_layers([(0, 0, 2, 3)], 0).choose(np.array([], np.int64))
    assert layers.stack().shape == (0, 1, 1)
    layers.put(layers.stack())
    assert layers.boxes().shape == (0, 4)


@given(places, seeds)
def test_boxes_are_those_of_brute_force(rectangles: list[tuple[int, ...]], seed: int) -> None:
    """A box is the extent of the ink on a canvas with this layer alone; 0 without ink."""
    layers = fill_layers(rectangles, seed, SPARSE)
    for box, layer, (top, left, height, width) in zip(
        layers.boxes().tolist(), layers, rectangles, strict=True
    ):
        canvas = np.zeros((60, 60), np.uint8)
        canvas[top : top + height, left : left + width] = layer
        assert tuple(box) == (find_extent(canvas > 0) if canvas.any() else (0, 0, 0, 0))


def test_extents_by_hand() -> None:
    """A pixel in the last corner, a diagonal, nothing."""
    masks: NDArray[np.bool_] = np.zeros((3, 4, 5), bool)
    masks[0, 3, 4] = True
    masks[1, 1, 3] = masks[1, 2, 1] = True
    assert find_extents(masks).tolist() == [[3, 4, 4, 5], [1, 1, 3, 4], [0, 0, 0, 0]]


def test_grey_levels_are_rounded_half_up() -> None:
    """A half is rounded up, at even and odd levels."""
    levels = np.array([0, 0.49, 0.5, 1.5, 2.5, 254.49, 254.5, 255])
    assert to_pixels(levels).tolist() == [0, 0, 1, 2, 3, 254, 255, 255]
    assert to_pixels(levels).dtype == np.uint8
