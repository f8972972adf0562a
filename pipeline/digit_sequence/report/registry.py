"""The panels of a report, in their order on the page."""

from __future__ import annotations

from digit_sequence.base.registry import Registry
from digit_sequence.report.panel import Panel
from digit_sequence.report.panels.digits import Digits
from digit_sequence.report.panels.duplicates import Duplicates
from digit_sequence.report.panels.measured import Measures
from digit_sequence.report.panels.overview import Overview
from digit_sequence.report.panels.parameters import Parameters
from digit_sequence.report.panels.reading import Readings
from digit_sequence.report.panels.record import Record
from digit_sequence.report.panels.reuse import Reuse
from digit_sequence.report.panels.samples import Samples
from digit_sequence.report.panels.shapes import Shapes
from digit_sequence.report.panels.splits import Splits

PANELS: Registry[type[Panel]] = Registry(
    "panel",
    "digit_sequence.panels",
    *(Overview, Samples, Readings),
    *(Digits, Shapes, Measures, Parameters),
    *(Splits, Reuse, Duplicates),
    Record,
)
