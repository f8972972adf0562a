"""Conditions on label rows: which samples of a split are meant.

====================  =============================================================
``n_digits=6``        the column has this value
``number=["7", "9"]`` the column has one of these values; also ``range(2, 5)``
``glyph_ids=4711``    of a column with a value for each digit: one digit has it
``digit=7``           short for the digits of `boxes`
``glyph_id=4711``     short for `glyph_ids`
====================  =============================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import ConfigError

ALIASES = {"digit": "boxes", "glyph_id": "glyph_ids"}
"""Names for what stands inside a column."""


def find_columns(names: Collection[str], schema: pa.Schema) -> list[str]:
    """Return the columns that conditions or requests name.

    Raises
    ------
    ConfigError
        If there is no such column; lists those there are.
    """
    unknown = [name for name in names if name not in schema.names and name not in ALIASES]
    if unknown:
        raise ConfigError(
            f"expected a label column, got {unknown[0]!r}; the columns are "
            f"{', '.join(schema.names)}, and {', '.join(ALIASES)} for any digit of a sample"
        )
    return list(dict.fromkeys(ALIASES.get(name, name) for name in names))


def match_rows(rows: pa.Table, conditions: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which label rows meet all conditions.

    Parameters
    ----------
    rows : Table
        With the columns of the conditions.
    conditions : mapping of str to value or collection of values

    Raises
    ------
    ConfigError
        If a value does not fit its column.
    """
    matched = np.ones(len(rows), np.bool_)
    for name, wanted in conditions.items():
        column = rows[ALIASES.get(name, name)].combine_chunks()
        if name == "digit":
            column = pa.ListArray.from_arrays(
                column.offsets, pc.struct_field(column.values, "digit")
            )
        matched &= _match_column(name, column, wanted)
    return matched


def match_expression(rows: pa.Table, expression: pc.Expression) -> NDArray[np.bool_]:
    """Return which label rows meet an expression of pyarrow.compute.

    Raises
    ------
    ConfigError
        If it names an unknown column, or compares it with a value of another type.
    """
    matched = np.zeros(len(rows), np.bool_)
    numbered = rows.append_column("#", pa.array(np.arange(len(rows))))
    try:
        matched[numbered.filter(expression)["#"].to_numpy()] = True
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(
            f"{expression}: expected an expression of the columns {', '.join(rows.column_names)}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return matched


def _match_column(name: str, column: pa.Array, wanted: Any) -> NDArray[np.bool_]:
    if not pa.types.is_list(column.type):
        return _is_one_of(name, column, wanted)
    values = _is_one_of(name, column.flatten(), wanted)
    samples = column.value_parent_indices().to_numpy()
    hits: NDArray[np.bool_] = np.bincount(samples[values], minlength=len(column)) > 0
    return hits


def _is_one_of(name: str, column: pa.Array, wanted: Any) -> NDArray[np.bool_]:
    if pa.types.is_struct(column.type):
        raise ConfigError(f"{name}: holds structures; expected a condition on digit")
    if isinstance(wanted, np.ndarray):
        wanted = wanted.tolist()
    if isinstance(wanted, list | tuple | set | frozenset | range):
        wanted = list(wanted)
    else:
        wanted = [wanted]
    try:
        # Arrow would take 1.0 for 1, but also True for 1 and nothing for None.
        if any(value is None or isinstance(value, bool) != _is_bool(column) for value in wanted):
            raise TypeError("a value of another type")
        options = pa.array(wanted, column.type)
        if options.to_pylist() != wanted:  # 4.5 would become 4
            raise TypeError("a value that its column cannot hold")
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError) as error:
        raise ConfigError(
            f"{name}: expected values of type {column.type}, got {wanted[:3]!r}"
            + (': quote it, as in "007"' if pa.types.is_string(column.type) else "")
        ) from error
    matched: NDArray[np.bool_] = pc.is_in(column, value_set=options).to_numpy(zero_copy_only=False)
    return matched


def _is_bool(column: pa.Array) -> bool:
    return bool(pa.types.is_boolean(column.type))
