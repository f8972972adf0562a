"""Crops of real numbers, made like the images that a network was taught on.

A crop may have any size, dark ink or bright. Its paper and its ink get the grey levels that the
images of the dataset had, it is scaled to their rows, and paper is added right of it up to their
width. What else helps differs from crop to crop, so there are several ways to prepare one:

======  ============================================================================
levels  paper and ink at the levels of the dataset; serves cheques, scans and forms
grey    as it is, inverted if the dataset's ink lies on the other side of its paper
ground  the uneven ground taken away first: shadows, prints
small   levels, four fifths of the size, in the middle of paper
tight   levels, cut to the rows that have ink
======  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import AfterValidator, Field
from scipy import ndimage

from digit_sequence.base.characters import DIGITS, order_characters
from digit_sequence.read.splits import Splits

MAX_BREADTH = 64
"""Columns of a crop for each of its rows, at most: more is no line of digits."""
MIN_SIDE = 4
"""Rows, and columns, of a crop at least."""
GROUND_SHARE = 0.5
"""Standard deviation of what is ground, by the rows of the crop: wider than a stroke."""
SMALL_SHARE = 0.8
TIGHT_MARGIN = 0.15
"""Paper that is left above and below the ink, by the rows of the ink."""
MEASURED = 256
"""Images of train by which a reader knows paper and ink."""
BLANK_SHARE = 0.5
"""Paper right of a crop that is wider than the images of the dataset, by the rows."""


def _check_alphabet(alphabet: str) -> str:
    if order_characters(set(alphabet)) != alphabet:
        raise ValueError("expected digits, then known characters in their order")
    return alphabet


Alphabet = Annotated[str, AfterValidator(_check_alphabet)]
Side = Annotated[int, Field(ge=1, le=1 << 12)]
Grey = Annotated[float, Field(ge=0, le=255)]


@dataclass(frozen=True)
class Taught:
    """What the images were like that a network was taught on."""

    height: Side
    width: Side
    """Of the widest."""
    paper: Grey
    """Median grey level of the paper, 0 to 255."""
    ink: Grey
    """Of the ink."""
    alphabet: Alphabet = DIGITS
    """Characters of the numbers; their codes + 1 are CTC's classes, 0 is its blank."""


def find_levels(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the grey levels of paper and ink of one image, (H, W); equal if it has no ink.

    Paper is what there is most of. Ink lies on the side of it to which the levels run out farther,
    once the ground, which may be uneven, is taken away.

    >>> find_levels(np.array([[200, 200, 200, 200], [200, 60, 200, 200], [200] * 4], np.uint8))
    (200.0, 60.0)
    """
    levels = grey.astype(np.float32)
    rest = levels - _find_ground(levels)
    paper = float(np.median(levels))
    is_dark = float((rest.astype(np.float64) ** 3).sum()) <= 0
    end = float(np.percentile(levels, 0.2 if is_dark else 99.8))
    middle = (paper + end) / 2
    ink = levels[levels <= middle] if is_dark else levels[levels >= middle]
    return paper, float(np.median(ink))


def measure_images(images: Iterable[NDArray[np.uint8]], height: int, width: int) -> Taught:
    """Return what the images of a dataset, some of them, are like."""
    found = [find_levels(image) for image in images]
    dark = [(paper, ink) for paper, ink in found if ink <= paper]
    bright = [(paper, ink) for paper, ink in found if ink > paper]
    papers, inks = zip(*max(dark, bright, key=len), strict=True)
    return Taught(height, width, paper=median(papers), ink=median(inks))


def measure_dataset(dataset: Splits) -> Taught:
    """Return what the images of a dataset are like, by the first ones of train."""
    samples = dataset["train"].read(range(min(len(dataset["train"]), MEASURED)))
    taught = measure_images((sample.image for sample in samples), *dataset.image_shape)
    return replace(taught, alphabet=dataset.alphabet)


def prepare_crop(crop: NDArray[np.uint8], way: str, taught: Taught) -> NDArray[np.uint8]:
    """Return a crop as an image of the dataset: uint8 (height, W), W at least its width.

    Parameters
    ----------
    crop : ndarray of uint8, shape (H, W)
    way : str
        One of `WAYS`.
    taught : Taught
    """
    line = np.rint(WAYS[way](crop, taught)).clip(0, 255).astype(np.uint8)
    columns = max(1, round(line.shape[1] * taught.height / line.shape[0]))
    scaled = np.asarray(
        Image.fromarray(line).resize((columns, taught.height), Image.Resampling.BICUBIC)
    )
    blank = round(BLANK_SHARE * taught.height) if columns > taught.width else 0
    width = max(taught.width, columns + blank)
    page = np.full((taught.height, width), np.median(scaled), np.float32)
    page[:, :columns] = scaled
    return page.astype(np.uint8)


def _find_ground(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    ground: NDArray[np.float32] = ndimage.gaussian_filter(levels, GROUND_SHARE * len(levels))
    return ground


def _set_levels(crop: NDArray[np.uint8], taught: Taught) -> NDArray[np.float32]:
    paper, ink = find_levels(crop)
    share = (crop.astype(np.float32) - paper) / ((ink - paper) or 1)
    return taught.paper + share * (taught.ink - taught.paper)


def _keep_grey(crop: NDArray[np.uint8], taught: Taught) -> NDArray[np.float32]:
    paper, ink = find_levels(crop)
    levels = crop.astype(np.float32)
    return levels if (ink <= paper) == (taught.ink <= taught.paper) else 255 - levels


def _remove_ground(crop: NDArray[np.uint8], taught: Taught) -> NDArray[np.float32]:
    paper, ink = find_levels(crop)
    levels = crop.astype(np.float32)
    # Only paper counts as ground: ink is filled with the level of the paper around it.
    is_paper = (np.abs(levels - paper) < np.abs(levels - ink)).astype(np.float32)
    weight = _find_ground(is_paper)
    ground = (_find_ground(levels * is_paper) + paper * 1e-3) / (weight + 1e-3)
    return _set_levels(np.rint(levels - ground + paper).clip(0, 255).astype(np.uint8), taught)


def _make_small(crop: NDArray[np.uint8], taught: Taught) -> NDArray[np.float32]:
    rows = round(len(crop) * (1 / SMALL_SHARE - 1) / 2)
    return np.pad(
        _set_levels(crop, taught), ((rows, rows), (rows, 0)), constant_values=taught.paper
    )


def _cut_tight(crop: NDArray[np.uint8], taught: Taught) -> NDArray[np.float32]:
    paper, ink = find_levels(crop)
    is_ink = np.abs(crop - ink) < np.abs(crop - paper)
    counts = is_ink.sum(axis=1)
    rows = np.flatnonzero(counts >= max(1, 0.1 * counts.max()))
    if not len(rows):
        return _set_levels(crop, taught)
    margin = round(TIGHT_MARGIN * (rows[-1] + 1 - rows[0])) + 1
    return _set_levels(crop, taught)[max(0, rows[0] - margin) : rows[-1] + 1 + margin]


WAYS: dict[str, Callable[[NDArray[np.uint8], Taught], NDArray[np.float32]]] = {
    "levels": _set_levels,
    "grey": _keep_grey,
    "ground": _remove_ground,
    "small": _make_small,
    "tight": _cut_tight,
}
"""How a crop can be prepared; the first one unless another is asked for."""
