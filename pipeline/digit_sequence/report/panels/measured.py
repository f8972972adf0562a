"""What is measured on images, and where real crops differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.text import escape_line
from digit_sequence.match.crops import Crop
from digit_sequence.match.figures import FIGURES, Measured, measure_crops
from digit_sequence.match.ranges import describe
from digit_sequence.report.charts import plot_histogram
from digit_sequence.report.histogram import Histogram
from digit_sequence.report.panel import Cell, Element, Fact, Gallery, Note, Panel, Plot, Table, Tile
from digit_sequence.report.scene import Scene
from digit_sequence.report.subject import Picture
from digit_sequence.report.tiles import make_image_tile

SHOWN = 18
"""Crops of each kind."""
ALIKE = 0.1
"""Difference of two figures, at most, that nobody sees."""
_OF_DIGITS = {"size", "breadth", "baseline"}
_OURS, _REAL = "built", "real"


class Measures(Panel):
    """Measures some images as real crops are measured, and compares both."""

    name = "measures"
    title = "Measured on the images"
    lead = (
        "What a ruler finds on some of the images: grey levels, strokes, slant, gaps, paper. With "
        "real crops beside them, the bars should lie under the line; those that differ come first."
    )

    def __init__(self) -> None:
        self._facts: list[Fact] = []

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return a plot for each figure, and with real crops how far apart they are."""
        crops = scene.crops
        has_boxes = crops is None or crops[0].boxes is not None
        sound = [it for it in scene.pictures if it.is_sound or not has_boxes]
        ours = measure_crops([_make_crop(it, has_boxes) for it in sound])
        found = {_OURS: _gather(ours, [it.image for it in scene.pictures])}
        told = f"Of {len(scene.pictures):,} images, evenly spread"
        if n_failed := len(scene.pictures) - len(ours.lengths):
            told += f"; {n_failed:,} of them show no line of ink that can be measured"
        notes = [Note(f"{told}.")]
        if crops is None:
            return [
                *notes,
                *(_plot(name, {"": it}) for name, it in found[_OURS].items() if len(it)),
            ]
        real = measure_crops(crops)
        found[_REAL] = _gather(real, [it.image for it in crops])
        distances = {
            name: measure_distance(values, found[_REAL][name])
            for name, values in found[_OURS].items()
            if len(values) and len(found[_REAL][name])
        }
        order = sorted(distances, key=lambda name: -distances[name])
        n_apart = sum(
            distance > max(ALIKE, chance(*(len(it[name]) for it in found.values())))
            for name, distance in distances.items()
        )
        self._facts = [
            Fact(
                f"{n_apart} of {len(order)}",
                "figures differ from real",
                "bad" if n_apart else "good",
            )
        ]
        return [
            *notes,
            _compare(found, distances, order, ours, real),
            Gallery(
                "Real crops: publish this page only if they may be published", _show_crops(crops)
            ),
            Gallery("Built images", _show_pictures(scene.pictures)),
            *(
                _plot(name, {series: it[name] for series, it in found.items()}, distances[name])
                for name in order
            ),
        ]

    def list_facts(self) -> Sequence[Fact]:
        """Return how many figures differ, if there are real crops."""
        return self._facts


def measure_distance(ours: NDArray[np.float64], real: NDArray[np.float64]) -> float:
    """Return how far two samples are apart, 0 to 1.

    The most that the shares of values below any limit differ by: the statistic of Kolmogorov and
    Smirnov.

    >>> measure_distance(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.5
    """
    limits = np.concatenate([ours, real])
    shares = [np.searchsorted(np.sort(it), limits, "right") / len(it) for it in (ours, real)]
    return float(np.abs(shares[0] - shares[1]).max())


def chance(n_ours: int, n_real: int) -> float:
    """Return the distance that two samples of one distribution exceed once in twenty times.

    The asymptotic law of Smirnov ("Table for estimating the goodness of fit", 1948).

    >>> round(chance(600, 40), 2)
    0.22
    """
    return float(1.358 * np.sqrt(1 / n_ours + 1 / n_real))


def _make_crop(picture: Picture, has_boxes: bool) -> Crop:
    boxes = picture.boxes[:, 1:].astype(np.float64) if has_boxes else None
    number = picture.number if has_boxes else None
    return Crop(picture.number, picture.image.astype(np.float64), number, boxes)


def _gather(
    measured: Measured, images: Sequence[NDArray[np.number]]
) -> dict[str, NDArray[np.float64]]:
    """Return the figures, after the lengths and the grey levels of every fourth pixel."""
    levels = [np.rint(image[::2, ::2].ravel()) for image in images]
    return {
        "grey": np.concatenate(levels).astype(np.float64),
        "digits": np.array(measured.lengths, np.float64),
        **measured.figures,
    }


_MEANINGS = {"grey": "grey level of a pixel: 0 black, 255 white", "digits": "digits of a number"}


def _plot(name: str, series: dict[str, NDArray[np.float64]], distance: float | None = None) -> Plot:
    """Plot the values within 0.5 and 99.5 percent of all: what lies beyond is drawn at the ends."""
    limits = np.percentile(np.concatenate(list(series.values())), [0.5, 99.5])
    histograms = {key: Histogram(is_whole=name in _MEANINGS) for key in series}
    for key, values in series.items():
        histograms[key].add(values.clip(*limits))
    unit = "pixels" if name == "grey" else "digits" if name in _OF_DIGITS else "images"
    plot = plot_histogram(name, (_MEANINGS | FIGURES)[name], histograms, unit)
    note = "" if distance is None else f"differs by {distance:.2f}"
    return replace(plot, note=note)


def _compare(
    found: dict[str, dict[str, NDArray[np.float64]]],
    distances: dict[str, float],
    order: Sequence[str],
    ours: Measured,
    real: Measured,
) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            f"{distances[name]:.2f}",
            *(describe(found[series][name]) for series in (_REAL, _OURS)),
            (_MEANINGS | FIGURES)[name],
        ]
        for name in order
    ]
    for name, meaning in (("bright", "bright ink"), ("ruled", "a ruled line")):
        shares = [getattr(it, name) for it in (real, ours)]
        difference = f"{abs(shares[0] - shares[1]):.2f}"
        rows.append(
            [name, difference, *map("{:.0%}".format, shares), f"share of images with {meaning}"]
        )
    head = ["figure", "differs", "real: 5, 50, 95 %", "built: 5, 50, 95 %", "what it is"]
    return Table("Where they differ most, from 0 to 1", head, rows)


def _show_crops(crops: Sequence[Crop]) -> list[Tile]:
    chosen = np.unique(np.linspace(0, len(crops) - 1, SHOWN).astype(int))
    images = [np.rint(crops[place].image).clip(0, 255).astype(np.uint8) for place in chosen]
    return [
        make_image_tile(image, escape_line(crops[place].number or crops[place].name))
        for place, image in zip(chosen, images, strict=True)
    ]


def _show_pictures(pictures: Sequence[Picture]) -> list[Tile]:
    chosen = np.unique(np.linspace(0, len(pictures) - 1, SHOWN).astype(int))
    return [make_image_tile(pictures[place].image, pictures[place].number) for place in chosen]
