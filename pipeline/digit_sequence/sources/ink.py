"""Telling ink from the ground that it is on: bright or dark, clean, noisy or grey.

Images come in as stacks of grey, 0 to 255, and go out as ink: bright on 0.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import Block
from digit_sequence.base.errors import SourceError

Ink = Literal["bright", "dark", "auto"]
Grey = TypeVar("Grey", np.uint8, np.float64)

_CHUNK = 4096
"""Images that are looked at together."""
_STEP_SHARE = 1 / 8
"""Least height of ink over a ground that is not clean, as a share of the strongest ink: of digits
of MNIST that were saved as JPEG of quality 75 to 95, four ink boxes in five are as before."""
_STEP_MOST = 1 / 3
"""Most of it, however noisy the ground is."""
_FLAT = 32
"""Greys between the darkest and the brightest pixel: of less an image is all ink, or none."""
_NOISE_FACTOR = 2
"""Noise beside ink to noise away from it: a codec's is stronger where there is ink."""


class Appearance(Block):
    """How digits look in the files of a source."""

    transpose: bool = False
    """Whether rows and columns are exchanged, as in the files of EMNIST."""
    ink: Ink = "bright"
    """Which side of the grey scale the pen wrote; auto: whatever differs from the ground around
    each digit. The ground becomes 0, and the strongest ink 255."""


def extract_ink(grey: NDArray[np.float64], ink: Ink, is_lossy: bool) -> NDArray[np.float64]:
    """Turn images of grey into ink on 0.

    Parameters
    ----------
    grey : ndarray of float64, shape (N, H, W)
        From 0 to 255.
    ink : {"bright", "dark", "auto"}
        The side of the grey scale; "auto" finds it for each image, and stretches its contrast.
    is_lossy : bool
        Whether the images were compressed with losses: then what is hardly above the ground around
        the digit is ground.

    Returns
    -------
    ndarray of float64, shape (N, H, W)
        From 0 to 255.
    """
    if ink != "auto":
        grey = grey if ink == "bright" else 255 - grey
        if not is_lossy:
            return grey
    cleaned = np.empty_like(grey)
    for start in range(0, len(grey), _CHUNK):
        part = grey[start : start + _CHUNK]
        cleaned[start : start + _CHUNK] = _clear_ground(part, ink == "auto", is_lossy)
    return cleaned


def _clear_ground(grey: NDArray[np.float64], is_auto: bool, is_lossy: bool) -> NDArray[np.float64]:
    """Set what is not well above the ground around each digit to 0."""
    n = len(grey)
    ground = _find_ground(grey, is_sided=not is_auto)
    height = grey - ground[:, None, None]
    if is_auto:
        flat = np.sort(height.reshape(n, -1), axis=1)
        n_top = _count_top(flat.shape[1])
        is_dark = -flat[:, :n_top].mean(axis=1) > flat[:, -n_top:].mean(axis=1)
        height[is_dark] *= -1
    strongest = _find_strongest(height)
    noise = _find_noise(height, strongest)
    step = np.maximum(strongest * _STEP_SHARE, _NOISE_FACTOR * noise)
    step = np.minimum(step, strongest * _STEP_MOST)
    if not is_lossy:
        step[noise == 0] = 0  # a clean ground: the faintest ink is ink
    is_ink = height > step[:, None, None]
    if is_auto:
        scale = np.divide(255, strongest, out=np.zeros(n), where=strongest > 0)
        return np.where(is_ink, np.minimum(height * scale[:, None, None], 255), 0)
    return np.where(is_ink, grey, 0)


def apply_appearance(
    images: NDArray[np.uint8], look: Appearance, where: object
) -> NDArray[np.uint8]:
    """Turn images as they are in a file, without losses, into upright ink on 0.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W)
    look : Appearance
        How they look there.
    where : object
        The file, for a message.

    Raises
    ------
    SourceError
        If one has no ink.
    """
    if look.transpose:
        images = images.transpose(0, 2, 1)
    if look.ink != "bright":
        found = np.empty(images.shape, np.uint8)
        for start in range(0, len(images), _CHUNK):  # real numbers take eight times the memory
            part = images[start : start + _CHUNK].astype(np.float64)
            found[start : start + _CHUNK] = np.rint(extract_ink(part, look.ink, is_lossy=False))
        images = found
    check_ink(images, where, "" if look.ink == "bright" else f" ({look.ink})")
    return images


def check_ink(images: NDArray[np.uint8], where: object, kind: str = "") -> None:
    """Raise a SourceError if an image has no ink."""
    has_ink = images.any(axis=(1, 2))
    if not has_ink.all():
        raise SourceError(
            f"{where}: row {int(has_ink.argmin())}: expected a glyph with ink{kind}, got none; "
            "see source.ink, or leave the row out"
        )


def frame_pixels(images: NDArray[Grey]) -> NDArray[Grey]:
    """Return the outermost pixels of each image, shape (N, pixels)."""
    sides = (images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1])
    return np.concatenate(sides, axis=1)


def _find_ground(grey: NDArray[np.float64], is_sided: bool) -> NDArray[np.float64]:
    """Return the grey of the ground: that of most of the frame.

    `is_sided`: ink is known to be bright. Then the ground of a digit that fills the frame, since it
    is cropped to its ink, is that of the darker pixels.
    """
    ground: NDArray[np.float64] = np.median(frame_pixels(grey), axis=1)
    if is_sided:
        darkest, brightest = grey.min(axis=(1, 2)), grey.max(axis=(1, 2))
        middle = (darkest + brightest) / 2
        for row in np.flatnonzero(ground > middle):
            ground[row] = np.median(grey[row][grey[row] <= middle[row]])
        ground[(brightest - darkest < _FLAT) & (middle > 255 / 2)] = 0  # nothing but ink
    return ground


def _count_top(n_pixels: int) -> int:
    return min(max(4, n_pixels // 100), n_pixels)


def _find_strongest(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean height of the brightest hundredth of each image."""
    flat = height.reshape(len(height), -1)
    n_top = _count_top(flat.shape[1])
    top: NDArray[np.float64] = np.partition(flat, -n_top, axis=1)[:, -n_top:].mean(axis=1)
    return top


def _find_noise(height: NDArray[np.float64], strongest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far 99 of 100 pixels of the ground, away from strong ink, are off it at most."""
    from scipy.ndimage import maximum_filter

    is_strong = height > (strongest * _STEP_MOST)[:, None, None]
    is_near = maximum_filter(is_strong, size=(1, 3, 3), mode="constant")
    flat = np.where(is_near, -1, np.abs(height)).reshape(len(height), -1)
    flat.sort(axis=1)
    n_ground = (flat >= 0).sum(axis=1)
    rank = flat.shape[1] - n_ground + np.ceil(0.99 * n_ground).astype(np.int64) - 1
    noise = flat[np.arange(len(flat)), rank.clip(0)]
    return np.where(n_ground > 0, noise, 0)
