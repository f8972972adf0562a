"""What a visitor asks for: a form and a condition in SQL, which become one query."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
from pydantic import Field

from digit_sequence.base.blocks import Block
from digit_sequence.base.errors import ConfigError
from digit_sequence.browse.index import check_condition, is_statement
from digit_sequence.read.where import encode_character, find_columns

DIGIT = "digit"
"""In place of a column: any digit of a sample, as of `read.where`."""


class Condition(Block):
    """What one column is to be; of a column with a value for each digit, that of any digit."""

    column: str
    low: float | None = None
    high: float | None = None
    equal: str | None = None
    """Of text, and of true or false; of numbers a pattern with * and ?."""


class Question(Block):
    """Which samples are meant, and their order."""

    split: str = ""
    """Empty: all."""
    conditions: list[Condition] = Field(default_factory=list, max_length=100)
    where: str = Field("", max_length=100_000)
    """In SQL: a condition, or a query with a column `key`, which stands in place of all else."""
    sort: str = ""
    descending: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it asks for nothing but a split."""
        return not (self.conditions or self.where.strip() or self.sort)

    @property
    def is_query(self) -> bool:
        """Whether it is a query by itself."""
        return is_statement(self.where)

    def write_condition(self, schema: pa.Schema) -> str:
        """Return its condition in SQL, with that of the form.

        Raises
        ------
        ConfigError
            If there is no such column, a value does not fit it, or the condition is none.
        """
        parts = [f"split = {_quote_text(self.split)}"] if self.split else []
        parts += [_write_condition(it, schema) for it in self.conditions]
        if self.where.strip():
            check_condition(self.where)
            parts.append(f"({self.where}\n)")  # a comment at its end must not hide what follows
        return " AND ".join(parts) or "true"

    def write_query(self, schema: pa.Schema) -> str:
        """Return the query for split, ordinal and the value that it is sorted by, in that order."""
        order = f"list_position(['train', 'val', 'test'], split), {_quote('ordinal')}"
        value = "NULL"
        if self.sort:
            find_columns([self.sort], schema)
            order = f"{_quote(self.sort)} {'DESC' if self.descending else 'ASC'}, {order}"
            value = f"CAST({_quote(self.sort)} AS VARCHAR)"
        condition = self.write_condition(schema)
        return f"SELECT split, ordinal, {value} FROM labels WHERE {condition} ORDER BY {order}"


def _write_condition(condition: Condition, schema: pa.Schema) -> str:
    name = condition.column
    find_columns([name], schema)
    if name == DIGIT:
        code = encode_character(condition.equal)
        return f"len(list_filter(boxes, lambda it: it.digit = {code})) > 0"
    kind = schema.field(name).type
    is_list = pa.types.is_list(kind)
    test = _write_test(condition, kind.value_type if is_list else kind)
    if is_list:
        return f"len(list_filter({_quote(name)}, lambda it: {test('it')})) > 0"
    return test(_quote(name))


def _write_test(condition: Condition, kind: pa.DataType) -> Callable[[str], str]:
    """Return a function that writes the test of a value."""
    name = condition.column
    if pa.types.is_nested(kind):
        raise ConfigError(f"{name}: holds structures; expected a condition on digit")
    if condition.equal is not None:
        wanted = condition.equal
        if pa.types.is_boolean(kind):
            if wanted not in ("true", "false"):
                raise ConfigError(f"{name}: expected true or false, got {wanted!r}")
            return lambda value: f"{value} = {wanted}"
        sign = "GLOB" if set(wanted) & set("*?") else "="
        return lambda value: f"CAST({value} AS VARCHAR) {sign} {_quote_text(wanted)}"
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ConfigError(f"{name}: expected what it equals, since it holds no numbers")
    limits = [(">=", condition.low), ("<=", condition.high)]
    given = [(sign, limit) for sign, limit in limits if limit is not None]
    if not given:
        raise ConfigError(f"{name}: expected a value, or a least or greatest one")
    return lambda value: " AND ".join(f"{value} {sign} {limit:.15g}" for sign, limit in given)


def _quote(name: str) -> str:
    """Return a name as SQL takes any."""
    return '"' + name.replace('"', '""') + '"'


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
