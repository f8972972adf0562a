"""Conditions on label rows: which samples of a split are meant.

====================  =============================================================
``n_digits=6``        the column has this value
``number=["7", "9"]`` the column has one of these values; also ``range(2, 5)``
``glyph_ids=4711``    of a column with a value for each digit: one digit has it
``digit=7``           short for the digits of `boxes`; ``digit=","`` for a sign
``glyph_id=4711``     short for `glyph_ids`
====================  =============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from digit_sequence.base.characters import CHARACTERS, INKED, show_characters
from digit_sequence.base.errors import ConfigError

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


@dataclass(frozen=True)
class Condition:
    """A condition on one column."""

    name: str
    """As it was given."""
    is_one_of: Callable[[pa.Array], NDArray[np.bool_]]
    """Returns which values of the column are wanted."""


def prepare_conditions(conditions: Mapping[str, Any], schema: pa.Schema) -> list[Condition]:
    """Check conditions, once for all rows.

    Parameters
    ----------
    conditions : mapping of str to value or collection of values
    schema : Schema
        Of the label rows.

    Raises
    ------
    ConfigError
        If there is no such column, or a value does not fit it.
    """
    find_columns(conditions, schema)
    if "digit" in conditions:
        conditions = {**conditions, "digit": _encode_signs(conditions["digit"])}
    return [
        Condition(name, _prepare_values(name, _find_type(name, schema), wanted))
        for name, wanted in conditions.items()
    ]


def _encode_signs(wanted: Any) -> Any:
    """Return the digits that are wanted, signs by their codes."""
    if isinstance(wanted, str):
        return encode_character(wanted)
    if isinstance(wanted, list | tuple | set | frozenset):
        return list(map(_encode_signs, wanted))
    return wanted


def encode_character(wanted: object) -> int:
    """Return the code that boxes have for a character; a ConfigError if it has none."""
    if not isinstance(wanted, str) or len(wanted) != 1 or wanted not in INKED:
        raise ConfigError(f"digit: expected one of {show_characters(INKED)}, got {wanted!r}")
    return CHARACTERS.index(wanted)


def match_rows(rows: pa.Table, conditions: Iterable[Condition]) -> NDArray[np.bool_]:
    """Return which label rows meet all conditions.

    Parameters
    ----------
    rows : Table
        With the columns of the conditions.
    conditions : iterable of Condition
    """
    matched = np.ones(len(rows), np.bool_)
    for condition in conditions:
        column = rows[ALIASES.get(condition.name, condition.name)].combine_chunks()
        if condition.name == "digit":
            column = pa.ListArray.from_arrays(
                column.offsets, pc.struct_field(column.values, "digit")
            )
        matched &= _match_column(column, condition.is_one_of)
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


def _match_column(
    column: pa.Array, is_one_of: Callable[[pa.Array], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    if not pa.types.is_list(column.type):
        return is_one_of(column)
    values = is_one_of(column.flatten())
    samples = column.value_parent_indices().to_numpy()
    hits: NDArray[np.bool_] = np.bincount(samples[values], minlength=len(column)) > 0
    return hits


def _find_type(name: str, schema: pa.Schema) -> pa.DataType:
    """Return the type of the values of a column, those of a list if it holds lists."""
    kind = schema.field(ALIASES.get(name, name)).type
    if pa.types.is_list(kind):
        kind = kind.value_type
    if name == "digit":
        return kind.field("digit").type
    if pa.types.is_struct(kind):
        raise ConfigError(f"{name}: holds structures; expected a condition on digit")
    return kind


def _prepare_values(
    name: str, kind: pa.DataType, wanted: Any
) -> Callable[[pa.Array], NDArray[np.bool_]]:
    """Return a function that tells which values of an array are wanted."""
    if isinstance(wanted, range) and wanted.step == 1 and pa.types.is_integer(kind):
        return lambda column: _is_within(column, wanted)
    if isinstance(wanted, np.ndarray | np.generic):
        wanted = wanted.tolist()
    if isinstance(wanted, list | tuple | set | frozenset | range):
        wanted = list(wanted)
    else:
        wanted = [wanted]
    is_bool = bool(pa.types.is_boolean(kind))
    try:
        # Arrow would take 1.0 for 1, but also True for 1 and nothing for None.
        if any(value is None or isinstance(value, bool) != is_bool for value in wanted):
            raise TypeError("a value of another type")
        options = pa.array(wanted, kind)
        if options.to_pylist() != wanted:  # 4.5 would become 4
            raise TypeError("a value that its column cannot hold")
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError) as error:
        raise ConfigError(
            f"{name}: expected values of type {kind}, got {wanted[:3]!r}"
            + (': quote it, as in "007"' if pa.types.is_string(kind) else "")
        ) from error
    return lambda column: pc.is_in(column, value_set=options).to_numpy(zero_copy_only=False)


def _is_within(column: pa.Array, wanted: range) -> NDArray[np.bool_]:
    values = column.to_numpy()
    within: NDArray[np.bool_] = (values >= wanted.start) & (values < wanted.stop)
    return within
