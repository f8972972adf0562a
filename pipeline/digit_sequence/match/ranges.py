"""From figures to the ranges of a config, by building, measuring what was built, and correcting.

A range begins as the quantiles of a figure. Settings do not come out as they are set: patterns
darken paper, blur thins strokes, and measures have errors of their own. So images are built,
measured as the real ones were, and each end of a range is moved by what its figure is off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from digit_sequence.config.canvas import MIN_INK_ROWS
from digit_sequence.match.figures import Figures, Measured
from digit_sequence.numbers.number import MAX_DIGITS
from digit_sequence.transforms.ink.pen import HAIRLINE
from digit_sequence.transforms.registry import TRANSFORMS

QUANTILES = (5, 95)
"""Percent: a range of a config holds what lies between."""
INNER = (20, 80)
"""Likewise of gaps in a line: separators are what is wider."""
STEP = 0.8
"""Of a correction, share of what it would be if each setting were alone."""
PRINT = 0.07
"""Texture above which paper has a printed pattern: plain paper has less, cheques more."""
PLACES = 3
"""Decimals of a setting."""
RULING = "line.ruling.probability"
"""Of which both ends are the same: so that as many lines are seen, of those that are there."""
TOUCH = "line.touch.probability"
"""Likewise, so that as many pairs touch: some do by chance."""
CENTRED = {"line.gap.jitter", "glyph.baseline.rise"}
"""Settings whose mean no figure tells: 0."""
DECIMALS = {"paper": 0, "degrees": 1, "sigma": 2, "period": 2}
"""Likewise, of those that have fewer."""
Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Setting:
    """A range of the config that a figure tells."""

    figure: str
    low: float
    high: float
    """What it may be, at least and at most."""
    gain: float = 1.0
    """By how much a setting moves when its figure is off by 1."""
    offset: float = 0.0
    """What is added to the figure, at first."""


SETTINGS: dict[str, Setting] = {
    "glyph.breadth.share": Setting("breadth", 0.5, 1.6, 1.2, 0.25),
    "glyph.baseline.rise": Setting("baseline", -0.3, 0.3),
    "glyph.pen.width": Setting("stroke", 0.02, 0.3),
    "line.height.share": Setting("digit_height", 0.2, 1),
    "line.slant.degrees": Setting("slant", -45, 45),
    "line.gap.mean": Setting("gap", -0.5, 2),
    "line.gap.jitter": Setting("gap_jitter", -1, 1),
    "line.tilt.degrees": Setting("tilt", -20, 20),
    "line.place.top": Setting("top", -0.2, 0.8),
    "line.place.left": Setting("left", -0.2, 4),
    "line.pattern.strength": Setting("texture", 0, 1, 2.0, 0.1),
    "line.pattern.period": Setting("period", 2, 16),
    "line.grain.deviation": Setting("texture", 0, 0.5),
    "line.grain.period": Setting("period", 3, 16),  # finer grain cannot be told from noise
    "line.levels.paper": Setting("paper", 96, 255),
    "line.levels.ink": Setting("ink", 0, 0.75),
    "line.blur.sigma": Setting("edge", 0.0, 3, 0.5, -0.5),
    "line.noise.sigma": Setting("noise", 0, 60),
}
"""By their place in the config."""
GRAIN = {"deviation": [0.03, 0.07]}
"""Settings that no figure tells apart from the pattern, on printed paper."""


def has_print(measured: Measured) -> bool:
    """Tell whether the paper is printed with a pattern, by its texture."""
    texture = measured.figures["texture"]
    return bool(len(texture)) and float(np.median(texture)) > PRINT


def list_settings(measured: Measured) -> dict[str, Setting]:
    """Return the settings that these figures tell, by their place in the config."""
    left_out = "line.grain." if has_print(measured) else "line.pattern."
    return {
        place: setting
        for place, setting in SETTINGS.items()
        if not place.startswith(left_out)
        and place.split(".")[1] in TRANSFORMS
        and len(measured.figures[setting.figure])
    }


def find_range(figures: Figures, name: str) -> tuple[float, float]:
    """Return the quantiles of a figure."""
    low, high = np.percentile(figures[name], INNER if name == "gap_jitter" else QUANTILES)
    return float(low), float(high)


def start_ranges(measured: Measured, aspect: float) -> Ranges:
    """Return the ranges that the figures themselves are."""
    ranges = {}
    for place, setting in list_settings(measured).items():
        low, high = find_range(measured.figures, setting.figure)
        ends = (low * setting.gain + setting.offset, high * setting.gain + setting.offset)
        ranges[place] = _limit(place, setting, ends, aspect)
    return ranges | {
        place: (round(share, PLACES),) * 2 for place, share in _find_shares(measured).items()
    }


def _find_shares(measured: Measured) -> dict[str, float]:
    """Return how often something was seen, by the place of its probability."""
    shares, touching = {RULING: measured.ruled}, measured.figures["touching"]
    return shares | ({TOUCH: float(touching.mean())} if len(touching) else {})


def correct_ranges(
    ranges: Mapping[str, tuple[float, float]], wanted: Measured, built: Measured, aspect: float
) -> Ranges:
    """Move both ends of each range by what the quantiles of its figure are off."""
    corrected = dict(ranges)
    shares = _find_shares(built)
    for place, share in _find_shares(wanted).items():
        often = ranges[place][0] + share - shares.get(place, share)
        corrected[place] = (round(float(np.clip(often, 0, 0.9)), PLACES),) * 2
    for place, setting in list_settings(wanted).items():
        if not len(built.figures[setting.figure]):
            continue
        real, ours = (find_range(it.figures, setting.figure) for it in (wanted, built))
        low, high = (
            end + STEP * setting.gain * (goal - got)
            for end, goal, got in zip(ranges[place], real, ours, strict=True)
        )
        corrected[place] = _limit(place, setting, (low, high), aspect)
    return corrected


def _limit(
    place: str, setting: Setting, ends: tuple[float, float], aspect: float
) -> tuple[float, float]:
    """Return ends within what a config allows, in order, as decimals."""
    low, high = ends
    if place in CENTRED:
        low, high = (low - high) / 2, (high - low) / 2
    if low > high:
        low = high = (low + high) / 2
    least, most = setting.low, setting.high
    if place == "line.tilt.degrees":  # beyond, ends of a line would leave the widest canvas
        most = float(np.floor(10 * np.degrees(np.arctan(1 / aspect))) / 10)
        least = -most
    decimals = DECIMALS.get(place.split(".")[2], PLACES)
    low, high = (round(float(np.clip(end, least, most)), decimals) for end in (low, high))
    return low, high


def list_widths(measured: Measured, height: int) -> tuple[int, int]:
    """Return the least and the largest width of the canvas, in pixels.

    The longest number finds room, be its crop among the widest ones that are left out.
    """
    low, high = np.percentile(measured.figures["aspect"], [1, 99]) * height
    longest = min(MAX_DIGITS, max([*measured.lengths, *map(len, measured.labels)]))
    needed = longest * max(it.least_columns for it in TRANSFORMS.values())
    return max(8, int(low)), max(16, needed, int(np.ceil(high)))


def find_sizes(measured: Measured, ranges: Ranges, height: int) -> tuple[float, float]:
    """Return the size of digits as a share of the tallest of a line, with which a config is valid.

    The smallest digit of the lowest line is to be legible on `height` rows.
    """
    low, _ = find_range(measured.figures, "size")
    least = MIN_INK_ROWS / (height * ranges.get("line.height.share", (1.0, 1.0))[0])
    return math.ceil(min(max(low, least, 0.2), 1.0) * 1000) / 1000, 1.0


def find_pens(ranges: Ranges, height: int) -> tuple[float, float]:
    """Return the width of pens, of which the widest is no hairline on `height` rows."""
    low, high = ranges["glyph.pen.width"]
    return low, max(high, math.ceil(HAIRLINE / height * 1000) / 1000)


def describe(values: Any) -> str:
    """Return the quantiles of some values as text: 5, 50 and 95 percent."""
    if not len(values):
        return "-"
    low, middle, high = np.round(np.percentile(values, [5, 50, 95]), 3) + 0.0
    return f"{low:.3g} / {middle:.3g} / {high:.3g}"
