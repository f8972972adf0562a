"""Label columns as this program declares them, for what it finds in a dataset of any version."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from digit_sequence.base.columns import MASKS, Column
from digit_sequence.base.errors import ConfigError
from digit_sequence.config.sections import LOOK
from digit_sequence.sources.hands import HAND, LACKED, WRITERS
from digit_sequence.store.label_schema import make_schema
from digit_sequence.transforms.registry import TRANSFORMS


def list_columns() -> dict[str, Column]:
    """Return the label columns that not every build has, by name, in the order of drawing."""
    drawn = [column for it in TRANSFORMS.values() for column in (*it.columns, *it.measured)]
    return {column.name: column for column in (LOOK, WRITERS, HAND, LACKED, *drawn)}


def check_types(schema: pa.Schema) -> None:
    """Raise a ConfigError if a declared column of a label file is of another type."""
    declared = _declare()
    for field in schema:
        if field.name in declared.names:
            kind = declared.field(field.name).type
            if not field.type.equals(kind):
                raise ConfigError(f"column {field.name}: expected {kind}, got {field.type}")


@cache
def _declare() -> pa.Schema:
    return make_schema((*list_columns().values(), MASKS))
