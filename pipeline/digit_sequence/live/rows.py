"""Label rows of samples that no file holds: what is planned of them, and what drawing tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.arrays import make_array, repeat_text
from digit_sequence.base.characters import SPACE, count_inked, encode_text
from digit_sequence.base.names import shard_name
from digit_sequence.codec.encoding import decode_image, encode_image
from digit_sequence.config.model import Config
from digit_sequence.plan.plan import SplitPlan
from digit_sequence.read.backing import Ordinals
from digit_sequence.read.where import find_columns
from digit_sequence.render.draw import Rendered
from digit_sequence.store.label_rows import make_columns, make_keys

_PLANNED = ("key", "split", "number", "n_digits", "sample_index", "ordinal", "shard", "row")


def list_planned(config: Config) -> list[str]:
    """Return the label columns that are known before anything is drawn; of `boxes`, the digits."""
    canvas = config.canvas
    size = ("height", "width") if canvas.narrowest == canvas.widest else ("height",)
    return [*_PLANNED, *size, "boxes"]


def describe_places(split: SplitPlan, ordinals: Ordinals) -> dict[str, Any]:
    """Return the columns that say which samples of a split these are, (B,) each."""
    shards, rows = np.divmod(ordinals, split.shard_samples)
    names = [shard_name(split.name, index) for index in shards.tolist()]
    return {
        "key": make_keys(split.name, ordinals),
        "split": repeat_text(split.name, len(ordinals)),
        "ordinal": ordinals,
        "shard": make_array(names, pa.string()),
        "row": rows,
    }


def make_planned(
    config: Config, split: SplitPlan, ordinals: Ordinals, schema: pa.Schema
) -> pa.Table:
    """Return label columns of `list_planned` without drawing.

    Parameters
    ----------
    config : Config
    split : SplitPlan
    ordinals : ndarray of int64, shape (B,)
    schema : pyarrow.Schema
        The columns that are wanted.
    """
    numbers, indices = split.identify(ordinals)
    lengths = list(map(count_inked, numbers))
    columns = describe_places(split, ordinals) | {
        "number": numbers,
        "n_digits": lengths,
        "sample_index": indices,
        "height": np.full(len(ordinals), config.canvas.height),
        "width": np.full(len(ordinals), config.canvas.widest),
    }

    def make_column(field: pa.Field) -> pa.Array:
        if field.name == "boxes":
            text = "".join(numbers).replace(SPACE, "")
            values = make_array(np.frombuffer(encode_text(text), np.uint8), pa.int8())
            starts = make_array(np.cumsum([0, *lengths]), pa.int32())
            return pa.ListArray.from_arrays(starts, pa.StructArray.from_arrays([values], ["digit"]))
        column = columns[field.name]
        return column if isinstance(column, pa.Array) else make_array(column, field.type)

    return pa.table({field.name: make_column(field) for field in schema})


class DrawnRows:
    """Samples that were drawn: images, and label rows whose columns are made when asked for.

    Parameters
    ----------
    config : Config
    split : SplitPlan
    ordinals : ndarray of int64, shape (B,)
    rendered : Rendered
        Of these samples.
    schema : pyarrow.Schema
        All columns that there are.
    """

    def __init__(
        self,
        config: Config,
        split: SplitPlan,
        ordinals: Ordinals,
        rendered: Rendered,
        schema: pa.Schema,
    ) -> None:
        self.images = finish_images(rendered, config)
        """(B, H, W) as they are read from a build, 0 right of each width."""
        self.widths = rendered.widths
        self._split, self._ordinals, self._rendered, self._schema = (
            split,
            ordinals,
            rendered,
            schema,
        )
        self._made: dict[str, pa.Array] = {}

    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""
        return self._schema

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return some columns of all rows."""
        missing = [name for name in find_columns(columns, self._schema) if name not in self._made]
        if missing:
            places = describe_places(self._split, self._ordinals)
            wanted = pa.schema([self._schema.field(name) for name in missing])
            table = make_columns(places, self._rendered, wanted)
            self._made |= dict(zip(missing, table.columns, strict=True))
        fields = [self._schema.field(name) for name in columns]
        return pa.table([self._made[name] for name in columns], schema=pa.schema(fields))


def finish_images(rendered: Rendered, config: Config) -> NDArray[np.uint8]:
    """Return images (B, H, W) as they are read from a build: JPEG does not keep every pixel."""
    images, output = rendered.images, config.output
    if config.canvas.narrowest < config.canvas.widest:
        is_beside = np.arange(images.shape[2]) >= rendered.widths[:, None]
        images = np.where(is_beside[:, None], np.uint8(0), images)
    if output.image == "jpeg":
        images = images.copy()
        for image, drawn in zip(images, rendered.cut(), strict=True):
            encoded = encode_image(drawn, output.image, output.quality)
            image[:, : drawn.shape[1]] = decode_image(encoded)
    return images
