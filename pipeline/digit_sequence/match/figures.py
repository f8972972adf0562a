"""What can be measured of a crop: levels, size and place, strokes, slant, gaps, paper.

Real crops and built ones are measured alike, at the height of the canvas, so that what a measure
is off by is the same for both. All lengths are shares, of the height of the crop or of a digit, but
those that say pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.characters import SIGNS, SPACE, drop_signs
from digit_sequence.match.crops import Crop

MIN_CONTRAST = 16
"""Grey levels between paper and ink."""
MOST_INK = 0.4
"""Share of a crop that its ink covers, at most."""
MOST_STROKE = 0.4
"""Width of a stroke, share of the height of a digit, at most: what is wider is no line of a pen."""
MOST_TEXTURE = 0.5
"""Standard deviation of the paper, share of the contrast, at most: on cheques it is about 0.12."""
LINE = 0.15
"""Ink of a ruled line, share of the contrast, at least: half of those of cheques are seen."""
FINE = 4
"""Strokes are measured at so many points a pixel."""
SLANTS = np.arange(-44, 45, 2)
"""Degrees that are tried."""
FIGURES = {
    "paper": "grey level of the paper",
    "ink": "grey level of the ink, share of the paper's",
    "digit_height": "height of digits, share of the crop's",
    "top": "free rows above the line, share of the crop's height",
    "left": "free columns before the line, share of the crop's height",
    "aspect": "width of the crop, share of its height",
    "size": "height of a digit, share of the tallest of its line",
    "breadth": "width of a digit, share of its height",
    "stroke": "width of strokes, share of the digit height",
    "slant": "degrees; positive: leans to the right",
    "tilt": "degrees of the line; positive: it rises",
    "baseline": "foot of a digit above the line, share of the digit height",
    "gap": "mean gap of a line, share of the digit height",
    "gap_jitter": "by how much a gap is wider than the mean gap of its line",
    "touching": "pairs of digits whose inks are one, share of those of the crop",
    "noise": "fine noise of the paper, grey levels",
    "texture": "standard deviation of the paper, share of the contrast",
    "period": "from a bright place of the paper to the next, pixels",
    "edge": "width of the edges of strokes, pixels",
}
"""What each figure is; those of a crop, and those of each of its digits."""
Figures = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Measured:
    """What was measured of some crops."""

    figures: Figures
    """Values by name, of all crops one after another."""
    lengths: list[int]
    """Digits of each crop: of its label, else parts of ink."""
    labels: list[str]
    """The number of each crop, where labels are given."""
    bright: float
    """Share of crops whose ink is bright."""
    ruled: float
    """Share of crops with a ruled line."""
    failed: list[str]
    """Names of crops that show no line of ink."""


def measure_crops(crops: Sequence[Crop]) -> Measured:
    """Measure crops one by one, and gather their figures."""
    gathered: dict[str, list[float]] = {name: [] for name in FIGURES}
    lengths: list[int] = []
    labels: list[str] = []
    failed: list[str] = []
    n_bright = n_ruled = 0
    for crop in crops:
        is_bright = _is_bright(crop.image)
        image = 255 - crop.image if is_bright else crop.image
        mask, is_ruled, paper, ink = _find_ink(image)
        boxes = find_parts(mask) if crop.boxes is None else _choose_digits(crop)
        figures = _measure(image, mask, boxes, paper, ink) if len(boxes) else None
        if figures is None:
            failed.append(crop.name)
            continue
        if crop.boxes is not None and len(boxes) > 1:  # parts of ink do not touch
            figures["touching"] = [_find_touching(mask, boxes)]
        for name, values in figures.items():
            gathered[name] += values
        lengths.append(len(drop_signs(crop.number)) if crop.number else count_digits(boxes))
        labels += [crop.number] if crop.number else []
        n_bright += is_bright
        n_ruled += is_ruled
    n_sound = max(1, len(lengths))
    arrays = {name: np.array(values, np.float64) for name, values in gathered.items()}
    return Measured(arrays, lengths, labels, n_bright / n_sound, n_ruled / n_sound, failed)


def _choose_digits(crop: Crop) -> NDArray[np.float64]:
    """Return the boxes of a crop without those of signs, which are no measure for digits."""
    assert crop.boxes is not None
    if not crop.number:
        return crop.boxes
    is_digit = [character not in SIGNS for character in crop.number.replace(SPACE, "")]
    return crop.boxes[is_digit] if len(is_digit) == len(crop.boxes) else crop.boxes


def _is_bright(image: NDArray[np.float64]) -> bool:
    """Tell whether ink is brighter than paper, which most of the pixels are."""
    dark, paper, bright = np.percentile(image, [1, 50, 99])
    return bool(bright - paper > paper - dark)


def _find_ink(image: NDArray[np.float64]) -> tuple[NDArray[np.bool_], bool, float, float]:
    """Return where dark ink is, without ruled lines; whether there are; paper and ink levels."""
    from scipy import ndimage as ndi
    from skimage.filters import threshold_otsu

    smooth = ndi.gaussian_filter(image, 0.6)
    if np.ptp(smooth) == 0:
        return np.zeros(image.shape, bool), False, 0.0, 0.0
    paper = float(np.median(image))
    is_dark = smooth < min(threshold_otsu(smooth), paper)
    ink = float(np.percentile(smooth[is_dark], 20)) if is_dark.any() else paper
    mask = smooth < (paper + ink) / 2
    lines = _find_lines(image, paper - ink)
    return mask & ~lines, bool(lines.any()), paper, ink


def _find_lines(image: NDArray[np.float64], contrast: float) -> NDArray[np.bool_]:
    """Return where ruled lines are: thin, darker than both sides, and longer than any digit."""
    from scipy import ndimage as ndi

    even = ndi.gaussian_filter1d(image, 2, axis=1)
    above, below = (ndi.shift(even, (by, 0), mode="nearest", order=0) for by in (3, -3))
    is_thin = np.minimum(above, below) - even > LINE * contrast
    span = max(3, min(image.shape[1] - 2, round(1.2 * len(image))))
    # A row up and down, for lines that are not level.
    near = ndi.binary_dilation(is_thin, np.ones((3, 1)))
    lines: NDArray[np.bool_] = ndi.binary_opening(near, np.ones((1, span)))
    return lines


def find_parts(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return boxes (D, 4) of parts of ink that are as high as digits, from left to right.

    Parts above one another are one; a third of the height of the highest is the least.
    """
    from scipy import ndimage as ndi

    found = ndi.find_objects(ndi.label(mask, np.ones((3, 3)))[0])
    boxes = sorted(
        [float(part[1].start), float(part[0].start), float(part[1].stop), float(part[0].stop)]
        for part in found
    )
    if not boxes:
        return np.empty((0, 4))
    most = max(bottom - top for _, top, _, bottom in boxes)
    boxes = [box for box in boxes if box[3] - box[1] >= max(5, most * 0.2)]
    joined: list[list[float]] = []
    for box in boxes:
        last = joined[-1] if joined else None
        narrower = min(box[2] - box[0], last[2] - last[0]) if last else 0
        if last and min(last[2], box[2]) - box[0] > 0.5 * narrower:
            last[2], last[1] = max(last[2], box[2]), min(last[1], box[1])
            last[3] = max(last[3], box[3])
        else:
            joined.append(box)
    boxes = [box for box in joined if box[3] - box[1] >= most / 3]
    return np.array(boxes).reshape(-1, 4)[:, [1, 0, 3, 2]]


def count_digits(boxes: NDArray[np.float64]) -> int:
    """Return how many digits parts of ink are, of which some touch: by their widths."""
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return int(np.maximum(1, np.rint(widths / np.median(heights))).sum())


def _measure(
    image: NDArray[np.float64],
    mask: NDArray[np.bool_],
    boxes: NDArray[np.float64],
    paper: float,
    ink: float,
) -> dict[str, list[float]] | None:
    """Return the figures of one crop; None if it shows no line of ink."""
    height, width = image.shape
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    digit = float(np.median(heights))
    inside = np.zeros(mask.shape, bool)
    for top, left, bottom, right in boxes:
        inside[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    strokes = mask & inside
    if paper - ink < MIN_CONTRAST or mask.mean() > MOST_INK or strokes.sum() < 8:
        return None
    stroke = _find_stroke(image, strokes, (paper + ink) / 2) / digit
    if not 0 < stroke < MOST_STROKE:
        return None
    of_paper = _measure_paper(image, mask | inside, paper - ink)
    if max(of_paper.get("texture", [0.0])) > MOST_TEXTURE:
        return None
    gaps = (boxes[1:, 1] - boxes[:-1, 3]) / digit
    slope = np.hypot(*np.gradient(image))
    figures = {
        "paper": [paper],
        "ink": [ink / paper],
        "digit_height": [float(heights.max()) / height],
        "top": [float(boxes[:, 0].min()) / height],
        "left": [float(boxes[:, 1].min()) / height],
        "aspect": [width / height],
        "size": (heights / heights.max()).tolist(),
        "breadth": (widths / heights)[widths < 1.3 * heights].tolist(),
        "stroke": [stroke],
        "slant": [_find_slant(strokes, boxes)],
        "gap": [float(gaps.mean())] if len(gaps) else [],
        "gap_jitter": (gaps - gaps.mean()).tolist() if len(gaps) > 1 else [],
        "edge": [(paper - ink) / float(np.percentile(slope[strokes], 75))],
    }
    if len(boxes) > 2:
        middles = (boxes[:, 1] + boxes[:, 3]) / 2
        line = np.polyfit(middles, boxes[:, 2], 1)
        figures["tilt"] = [-float(np.degrees(np.arctan(line[0])))]
        figures["baseline"] = ((np.polyval(line, middles) - boxes[:, 2]) / digit).tolist()
    return figures | of_paper


def _find_stroke(image: NDArray[np.float64], strokes: NDArray[np.bool_], level: float) -> float:
    """Return the median width of strokes in pixels: twice the distance from middle to edge."""
    from scipy import ndimage as ndi

    fine = ndi.zoom(image, FINE, order=1) < level
    fine &= ndi.zoom(ndi.binary_dilation(strokes).astype(np.uint8), FINE, order=0) > 0
    distances = ndi.distance_transform_edt(fine)
    is_middle = (distances == ndi.maximum_filter(distances, 3)) & (distances > 0.9)
    return 2 / FINE * float(np.median(distances[is_middle])) if is_middle.any() else 0.0


def _find_touching(mask: NDArray[np.bool_], boxes: NDArray[np.float64]) -> float:
    """Return the share of pairs whose inks are one part of what is in both boxes.

    The ink of a digit is the largest part of what its box has apart from the other one.
    """
    from scipy import ndimage as ndi

    n_touching = 0
    for pair in pairwise(boxes):
        before, here = np.zeros((2, *mask.shape), bool)
        for inside, box in zip((before, here), pair, strict=True):
            top, left, bottom, right = np.rint(box).astype(np.int64).clip(0)
            inside[top:bottom, left:right] = True
        parts, n_parts = ndi.label(mask & (before | here), np.ones((3, 3)))
        own = (parts[before & ~here], parts[here & ~before])
        sizes = [np.bincount(it, minlength=n_parts + 1)[1:] for it in own]
        if all(size.any() for size in sizes):
            n_touching += sizes[0].argmax() == sizes[1].argmax()
    return float(n_touching / (len(boxes) - 1))


def _find_slant(strokes: NDArray[np.bool_], boxes: NDArray[np.float64]) -> float:
    """Return the lean of a line: upright again, its digits have the steepest columns."""
    middle = (boxes[:, 0].min() + boxes[:, 2].max()) / 2
    rows, columns = np.nonzero(strokes)
    upright = columns + (rows - middle) * np.tan(np.radians(SLANTS))[:, None]
    places = np.rint(upright - upright.min()).astype(np.int64)
    scores = [float((np.bincount(place).astype(np.float64) ** 2).sum()) for place in places]
    return float(SLANTS[int(np.argmax(scores))])


def _measure_paper(
    image: NDArray[np.float64], is_ink: NDArray[np.bool_], contrast: float
) -> dict[str, list[float]]:
    """Return what is measured away from ink; nothing if there is no place away from it."""
    from scipy import ndimage as ndi

    free = ~ndi.binary_dilation(is_ink, iterations=2)
    inner = free[1:-1, 1:-1]
    if inner.sum() < 30:
        return {}
    fine = ndi.convolve(image, np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) / 4)[1:-1, 1:-1]
    rough = (image - ndi.gaussian_filter(image, len(image) * 6 / 32))[1:-1, 1:-1]
    rough = rough[inner]
    close = image - ndi.gaussian_filter(image, 2.5)
    down, across = (
        float(np.diff(close, axis=axis)[(free[1:], free[:, 1:])[axis]].std()) for axis in (0, 1)
    )
    grain = float(close[free].std())
    # A wave of period p has steps of deviation 2 sin(pi / p), of its own.
    share = float(np.hypot(down, across)) / max(2 * grain, 1e-9)
    # Of white noise of deviation 1, the convolution has the deviation sqrt(5/4).
    noise = float(np.median(np.abs(fine[inner]))) / 0.6745 / np.sqrt(1.25)
    return {
        "noise": [noise],
        "texture": [float(rough.std()) / contrast],
        "period": [np.pi / float(np.arcsin(min(1.0, share)))] if grain > 0.5 else [],
    }
