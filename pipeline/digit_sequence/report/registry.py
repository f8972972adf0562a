"""The panels of a report, in their order on the page."""

from __future__ import annotations

from digit_sequence.base.registry import Registry
from digit_sequence.report.panel import Panel
from digit_sequence.report.panels.digits import Digits
from digit_sequence.report.panels.overview import Overview
from digit_sequence.report.panels.parameters import Parameters
from digit_sequence.report.panels.samples import Samples
from digit_sequence.report.panels.shapes import Shapes

PANELS: Registry[type[Panel]] = Registry(
    "panel", "digit_sequence.panels", Overview, Samples, Digits, Shapes, Parameters
)
