"""The kinds of numbers, by their keys in the block `numbers`."""

from __future__ import annotations

from digit_sequence.base.registry import Registry
from digit_sequence.numbers.amount import Amount
from digit_sequence.numbers.code import Code
from digit_sequence.numbers.date import Date
from digit_sequence.numbers.file import File
from digit_sequence.numbers.kind import NumberKind
from digit_sequence.numbers.mixture import make_mixture
from digit_sequence.numbers.pattern import Pattern
from digit_sequence.numbers.postcode import Postcode
from digit_sequence.numbers.random import Random
from digit_sequence.numbers.range import Range
from digit_sequence.numbers.time import Time
from digit_sequence.numbers.values import Values
from digit_sequence.numbers.weights import Weights

_PLAIN = (Values, Weights, Range, File, Random, Pattern, Date, Time, Amount, Code, Postcode)
NUMBER_KINDS: Registry[type[NumberKind]] = Registry(
    "number kind",
    "digit_sequence.numbers",
    *_PLAIN,
    make_mixture({kind.name: kind for kind in _PLAIN}),
)
