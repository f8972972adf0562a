"""Measure crops, write a config, build by it, measure that, and correct the config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_sequence.base.errors import SourceError
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.building.sampler import open_sampler
from digit_sequence.config.loading import parse_config
from digit_sequence.match.config import write_config
from digit_sequence.match.crops import MIN_CROPS, Crop, read_crops
from digit_sequence.match.figures import FIGURES, Measured, measure_crops
from digit_sequence.match.ranges import Ranges, correct_ranges, describe, list_widths, start_ranges

N_CORRECTIONS = 4
"""Corrections; after the first two little changes."""
N_ROUNDS = N_CORRECTIONS + 1
"""In all: one for each correction, and one to show what has come of them."""
N_BUILT = 160
"""Images of a round: its quantiles are about as good as those of as many crops."""


@dataclass(frozen=True)
class Match:
    """A config, and what it was made from."""

    text: str
    """The config as YAML."""
    ranges: Ranges
    """Those of the config that were measured, by place."""
    crops: list[Crop]
    built: list[Crop]
    real: Measured
    ours: Measured
    notes: list[str]
    """What was not measured, and why."""


def match_folder(
    folder: str | Path,
    labels: str | None = None,
    height: int | None = None,
    on_progress: Callable[[int, bool], None] = lambda _rounds, _is_new: None,
) -> Match:
    """Find a config that builds images like those of a folder.

    Parameters
    ----------
    folder, labels, height
        As `read_crops` takes them.
    on_progress : callable
        Called with 1, and that it is new, after each of `N_ROUNDS`.

    Raises
    ------
    SourceError
        If there are too few crops, or too few that show a line of ink.
    ConfigError
        If labels do not fit.
    """
    crops, notes = read_crops(Path(folder), labels, height)
    real = measure_crops(crops)
    n_sound = len(real.lengths)
    if n_sound < MIN_CROPS or n_sound < len(crops) / 2:
        raise SourceError(
            f"{folder}: expected lines of digits, dark or bright on an even ground, got "
            f"{len(real.failed)} of {len(crops)} images without: {_name_some(real.failed)}"
        )
    if real.failed:
        notes.append(f"{len(real.failed)} images show no line of ink: {_name_some(real.failed)}")
    rows = len(crops[0].image)
    has_boxes = crops[0].boxes is not None
    aspect = list_widths(real, rows)[1] / rows
    ranges = start_ranges(real, aspect)
    for _ in range(N_CORRECTIONS):
        text = write_config(real, ranges, rows, str(folder), has_boxes)
        built = build_crops(text, has_boxes)
        ranges = correct_ranges(ranges, real, measure_crops(built), aspect)
        on_progress(1, True)
    text = write_config(real, ranges, rows, str(folder), has_boxes)
    built = build_crops(text, has_boxes)
    ours = measure_crops(built)
    on_progress(1, True)
    return Match(text, ranges, crops, built, real, ours, notes)


def build_crops(text: str, has_boxes: bool, count: int = N_BUILT) -> list[Crop]:
    """Return the first images that a config builds, as crops."""
    config = parse_config(parse_yaml(text, "match"), "match")
    rendered = open_sampler(config).draw("train", 0, count)
    starts = rendered.recipes.starts
    return [
        Crop(
            number,
            image.astype(np.float64),
            number if has_boxes else None,
            rendered.boxes[starts[b] : starts[b + 1]].astype(np.float64) if has_boxes else None,
        )
        for b, (image, number) in enumerate(
            zip(rendered.cut(), rendered.recipes.numbers, strict=True)
        )
    ]


def compare(match: Match) -> list[tuple[str, str, str, str]]:
    """Return a table: what was measured, of real crops and of built ones, and what each is."""
    rows = [("5 / 50 / 95 %", "real", "built", "")]
    for name, meaning in FIGURES.items():
        measured = [it.figures[name] for it in (match.real, match.ours)]
        if not any(map(len, measured)):  # as touching, of which boxes tell
            continue
        real, ours = map(describe, measured)
        rows.append((name, real, ours, meaning))
    for name in ("bright", "ruled"):
        real, ours = (f"{getattr(it, name):.0%}" for it in (match.real, match.ours))
        rows.append((name, real, ours, "share of crops"))
    return rows


def _name_some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + ", ..." * (len(names) > 3)
