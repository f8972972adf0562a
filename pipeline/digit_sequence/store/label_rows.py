"""Label rows of rendered samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.arrays import cut_text, make_array, repeat_text
from digit_sequence.base.characters import keep_digits
from digit_sequence.base.columns import MASKS, NUMBER_DIGITS, POLYGONS
from digit_sequence.base.digests import hash_images, hash_pixels
from digit_sequence.base.names import sample_key
from digit_sequence.codec.polygons import trace_polygons
from digit_sequence.codec.run_lengths import encode_masks
from digit_sequence.store.label_schema import BOX, PIXEL_HASH, PLACE_COLUMNS, POLYGON, POLYGON_LIST

if TYPE_CHECKING:  # who only reads labels needs neither the config nor scikit-image
    from digit_sequence.plan.plan import Shard
    from digit_sequence.render.draw import Rendered

_TRACED_AT_ONCE = 512
"""Digits whose polygons are lists of Python together, which take much memory."""


def make_rows(shard: Shard, first_row: int, rendered: Rendered, schema: pa.Schema) -> pa.Table:
    """Return the label rows of rendered samples, all columns but those of their place.

    Parameters
    ----------
    shard : Shard
    first_row : int
        Row of the first sample in its shard.
    rendered : Rendered
    schema : pyarrow.Schema
        As of `make_schema`.
    """
    n_samples = len(rendered.images)
    rows = np.arange(first_row, first_row + n_samples)
    places = {
        "key": make_keys(shard.split, shard.start + rows),
        "split": repeat_text(shard.split, n_samples),
        "shard": repeat_text(shard.name, n_samples),
        "ordinal": shard.start + rows,
        "row": rows,
    }
    fields = [field for field in schema if field.name not in PLACE_COLUMNS]
    return make_columns(places, rendered, pa.schema(fields))


def make_columns(places: Mapping[str, Any], rendered: Rendered, schema: pa.Schema) -> pa.Table:
    """Return some label columns of rendered samples.

    Parameters
    ----------
    places : mapping of str to array
        Columns that say which samples these are.
    rendered : Rendered
    schema : pyarrow.Schema
        The columns that are wanted.
    """
    recipes = rendered.recipes
    n_samples, height, _ = rendered.images.shape
    columns = {
        **recipes.drawn,
        "number": recipes.numbers,
        "n_digits": np.diff(recipes.starts),
        "sample_index": recipes.sample_indices,
        "height": np.full(n_samples, height),
        "width": rendered.widths,
        "scaled": rendered.scaled,
        "glyph_ids": recipes.glyph_ids,
        **places,
    }
    if NUMBER_DIGITS.name in schema.names:
        columns[NUMBER_DIGITS.name] = list(map(keep_digits, recipes.numbers))
    starts = make_array(recipes.starts, pa.int32())

    def make_column(field: pa.Field) -> pa.Array:
        if field.name == PIXEL_HASH.name:
            return make_array(_hash_rendered(rendered), field.type)
        if not pa.types.is_list(field.type):
            column = columns[field.name]
            return column if isinstance(column, pa.Array) else make_array(column, field.type)
        if field.name == "boxes":
            values = _make_boxes(recipes.digits, rendered.boxes)
        elif field.name == MASKS.name:
            values = make_array(_encode_masks(rendered), pa.string())
        elif field.name == POLYGONS.name:
            values = _make_polygons(rendered)
        else:
            values = make_array(columns[field.name], field.type.value_type)
        return pa.ListArray.from_arrays(starts, values, type=field.type)

    return pa.Table.from_arrays(list(map(make_column, schema)), schema=schema)


def _hash_rendered(rendered: Rendered) -> NDArray[np.int64]:
    if bool((rendered.widths == rendered.images.shape[2]).all()):
        return hash_images(rendered.images)
    return np.array([hash_pixels(image) for image in rendered.cut()], np.int64)


def make_keys(split: str, ordinals: NDArray[np.int64]) -> pa.Array:
    """Return the keys of samples, as `sample_key` makes them, most often all of one length."""
    last = sample_key(split, int(ordinals.max(initial=0)))
    if len(last) != len(sample_key(split, 0)):  # beyond 10^9
        return make_array(
            [sample_key(split, ordinal) for ordinal in ordinals.tolist()], pa.string()
        )
    text = np.empty((len(ordinals), len(last)), np.uint8)
    text[:] = np.frombuffer(last.encode(), np.uint8)
    rest = ordinals.copy()
    for column in range(len(last) - 1, len(split), -1):
        rest, digits = np.divmod(rest, 10)
        text[:, column] = digits + ord("0")
    return cut_text(text.reshape(-1), len(last), len(ordinals))


def _make_boxes(digits: NDArray[np.int64], boxes: NDArray[np.int32]) -> pa.StructArray:
    values = [digits, *boxes.T]
    arrays = [make_array(value, field.type) for value, field in zip(values, BOX, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=list(BOX))


def _encode_masks(rendered: Rendered) -> list[str]:
    """Return the run lengths of each layer on its image."""
    layers = rendered.layers
    widths = rendered.widths[layers.samples]
    shapes = np.stack([np.full_like(widths, rendered.images.shape[1]), widths], axis=-1)
    return encode_masks(layers.stack() > 0, layers.places[:, :2], shapes)


def _make_polygons(rendered: Rendered) -> pa.ListArray:
    """Return the polygons of each layer."""
    layers = rendered.layers
    masks, corners = layers.stack() > 0, layers.places[:, :2]
    per_digit, per_polygon, numbers = [0], [0], []
    for start in range(0, len(masks), _TRACED_AT_ONCE):
        part = slice(start, start + _TRACED_AT_ONCE)
        found = trace_polygons(masks[part], corners[part])
        polygons = [polygon for own in found for polygon in own]
        per_digit += map(len, found)
        per_polygon += map(len, polygons)
        numbers.append(np.concatenate(polygons).astype(np.int16))
    inner, outer = (make_array(np.cumsum(it), pa.int32()) for it in (per_polygon, per_digit))
    coordinates = make_array(np.concatenate(numbers), pa.int16())
    rings = pa.ListArray.from_arrays(inner, coordinates, type=POLYGON)
    return pa.ListArray.from_arrays(outer, rings, type=POLYGON_LIST)
