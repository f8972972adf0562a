"""Images that are there twice: exactly by their hash, nearly by a perceptual hash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digit_sequence.report.panel import Element, Fact, Gallery, Note, Panel, Verdict
from digit_sequence.report.scene import Scene
from digit_sequence.report.subject import Picture
from digit_sequence.report.tiles import make_tile

COMPARED = 3000
"""Images whose perceptual hashes are compared, each with each."""
ROWS, COLUMNS = 8, 16
"""Bits of a perceptual hash."""
MOST_SHARE = 0.001
"""Of all images, that may repeat another one before it is called bad."""
NEAR_BITS = 8
"""That differ between near duplicates, at most."""
MOST_PAIRS = 1000
"""Looked for."""
PAIRS = 6
"""Shown."""


class Duplicates(Panel):
    """Counts equal pixel hashes, and compares perceptual ones of some images."""

    name = "duplicates"
    title = "Duplicates"
    lead = (
        "Images that are there twice. A few in ten thousand may be pixel for pixel, where short "
        "numbers are drawn in a look that changes little, such as clean; more are for want of "
        "transforms or digits. The nearest pairs below should be two drawings of a number, not one "
        "drawing with other noise."
    )

    def __init__(self) -> None:
        self._n_double = 0
        self._is_bad = False

    def show(self, scene: Scene) -> Sequence[Element]:
        """Return how many are equal, and the nearest pairs."""
        images = scene.census.images
        _, counts = images.table()
        n_images, n_double = int(counts.sum()), int((counts.sum(axis=1) - 1).sum())
        self._n_double = round(n_double / images.share)
        self._is_bad = n_double > MOST_SHARE * n_images
        note = Note(
            f"{self._n_double:,} images repeat another one pixel for pixel."
            if self._n_double
            else "No image repeats another one pixel for pixel.",
            self._verdict,
        )
        return [note, *self._show_near(scene)]

    def _show_near(self, scene: Scene) -> Sequence[Element]:
        pictures = scene.take(COMPARED)
        if len(pictures) < 2:
            return []
        hashes = np.stack([hash_gradients(_cut_line(picture)) for picture in pictures])
        first, second, distances = find_near(hashes)
        is_near = distances <= NEAR_BITS
        bits = ROWS * COLUMNS
        near = f"{int(is_near.sum()):,}" + (" or more" if is_near.sum() == MOST_PAIRS else "")
        method = (
            f"Of the lines of {len(pictures):,} images the signs of {ROWS} by {COLUMNS} steps of "
            f"brightness were compared (dHash): {near} pairs differ in at most "
            f"{NEAR_BITS} of {bits}. The nearest pairs:"
        )
        pairs = zip(*(it[:PAIRS].tolist() for it in (first, second, distances)), strict=True)
        return [
            Note(method),
            *(
                Gallery(
                    f"{distance} of {bits} differ",
                    [make_tile(pictures[one]), make_tile(pictures[other])],
                    is_wide=False,
                )
                for one, other, distance in pairs
            ),
        ]

    def list_facts(self) -> Sequence[Fact]:
        """Return how many images are doubles."""
        return [Fact(f"{self._n_double:,}", "images twice, pixel for pixel", self._verdict)]

    @property
    def _verdict(self) -> Verdict:
        return "bad" if self._is_bad else "" if self._n_double else "good"


def _cut_line(picture: Picture) -> NDArray[np.uint8]:
    """Return what of an image the ink of its digits is in."""
    if not picture.is_sound:
        return picture.image
    _, top, left, bottom, right = picture.boxes.T
    return picture.image[top.min() : bottom.max(), left.min() : right.max()]


def hash_gradients(image: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the difference hash of an image (H, W), uint64 (2,).

    Whether each of `ROWS` by `COLUMNS` areas is darker than the next (N. Krawetz, "Kind of like
    that", 2013).
    """
    size = (COLUMNS + 1, ROWS)
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), np.int16)
    return np.packbits(np.diff(small, axis=1) > 0).view(np.uint64)


def find_near(
    hashes: NDArray[np.uint64], count: int = MOST_PAIRS
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of hashes (N, W) that differ least, and in how many bits, ascending.

    At most `count` pairs: first (P,), second (P,), bits (P,).
    """
    best = np.empty((0, 3), np.int64)
    for place in range(len(hashes) - 1):
        bits = np.bitwise_count(hashes[place + 1 :] ^ hashes[place]).sum(axis=1, dtype=np.int64)
        limit = best[-1, 2] if len(best) >= count else bits.max() + 1
        near = np.flatnonzero(bits < limit)
        if len(near):
            found = np.stack([np.full_like(near, place), near + place + 1, bits[near]], axis=1)
            best = np.concatenate([best, found])
            best = best[np.argsort(best[:, 2], kind="stable")[:count]]
    return best[:, 0], best[:, 1], best[:, 2]
