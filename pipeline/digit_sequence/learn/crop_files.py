"""The files of a user's crops: PNG, JPEG, TIFF or BMP, in folders of any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.errors import ConfigError
from digit_sequence.codec.decoding import decode_picture
from digit_sequence.learn.crops import MAX_BREADTH, MIN_SIDE

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
SHOWN = 3
"""Names in a message."""
MAX_FILE_BYTES = 1 << 28
"""Of one image."""


def list_crops(places: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """Return the images that files and folders hold, by name, and the other files of the folders.

    Images of a folder, and of those in it, are named as they are called in it, in order of names.

    Raises
    ------
    ConfigError
        If there are none, if a place is not there, or if two have one name.
    """
    crops: dict[str, Path] = {}
    others: list[str] = []
    for place in places:
        for name, path in _list_place(place):
            if path != place and path.suffix.lower() not in IMAGE_SUFFIXES:
                others.append(name)
            elif name in crops:
                raise ConfigError(
                    f"{path}: expected images of different names, got {name} twice; name the "
                    "folder that holds both"
                )
            else:
                crops[name] = path
    if not crops:
        raise ConfigError(
            f"{', '.join(map(str, places[:SHOWN]))}: expected images ({' '.join(IMAGE_SUFFIXES)}), "
            f"got {'a folder without any' if not others else 'none of them: ' + show(others)}"
        )
    return crops, others


def _list_place(place: Path) -> Iterator[tuple[str, Path]]:
    if not place.is_dir():
        if not place.exists():
            raise ConfigError(
                f"{place}: expected an image or a folder of images, got nothing there"
            )
        yield place.name, place
        return

    def refuse(error: OSError) -> None:
        raise ConfigError(f"{error.filename}: cannot be listed: {error.strerror}") from error

    for folder, folders, names in os.walk(place, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path.relative_to(place).as_posix(), path


def show(names: Sequence[str]) -> str:
    """Return some names, and how many more there are.

    >>> show(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(name[:80] for name in names[:SHOWN]) + more


def load_crop(path: Path) -> NDArray[np.uint8]:
    """Read the crop of a file as grey, uint8 (H, W).

    Raises
    ------
    OSError
        If it is no image of one line, saying what was expected.
    """
    if not path.is_file():
        raise OSError("expected a file")
    if not 0 < path.stat().st_size <= MAX_FILE_BYTES:
        raise OSError(f"expected 1 to {MAX_FILE_BYTES:,} bytes, got {path.stat().st_size:,}")
    try:
        crop = decode_picture(path.read_bytes())
    except Exception as error:  # broken images make Pillow raise many kinds
        is_ours = isinstance(error, OSError) and str(error).startswith("expected")
        reason = str(error) if is_ours else f"is damaged ({type(error).__name__})"
        raise OSError(
            reason if is_ours else f"expected a PNG, JPEG, TIFF or BMP image, got what {reason}"
        ) from error
    rows, columns = crop.shape
    if min(rows, columns) < MIN_SIDE or columns > MAX_BREADTH * rows:
        raise OSError(
            f"expected a line of digits, at least {MIN_SIDE} pixels high and at most "
            f"{MAX_BREADTH} times as wide as high, got {rows} x {columns}"
        )
    return crop
