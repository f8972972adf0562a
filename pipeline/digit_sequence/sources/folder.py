"""Folders of image files, one for each digit: PATH/0/*.png ... PATH/9/*.png.

Glyphs go by digit and then by file name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock

_READ_AS = {"P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "La": "LA", "RGBX": "RGB"} | dict.fromkeys(
    ("CMYK", "YCbCr", "HSV", "LAB"), "RGB"
)
"""Pillow's modes whose planes are not grey or RGB, each with or without alpha."""


class FolderSettings(SourceBlock, HeldOut):
    """One folder of image files per digit: PATH/0/*.png ... PATH/9/*.png."""

    name: Literal["folder"]
    """A folder of image files for each digit."""
    path: InputPath
    """The folder that holds the folders 0 to 9."""
    size: int = Field(28, ge=8, le=256)
    """Rows and columns that every image is scaled to fit, centred."""
    ink: Literal["bright", "dark"] = "bright"
    """Which side of the grey scale the pen wrote."""


class Folder(Source):
    """One folder of image files per digit."""

    Settings = FolderSettings
    settings: FolderSettings

    def list_files(self) -> list[Path]:
        """List the image files of the digits' folders; hidden files are none."""
        folders = [Path(self.settings.path, digit) for digit in "0123456789"]
        files = [
            path
            for folder in folders
            if folder.is_dir()
            for path in sorted(folder.iterdir())
            if not path.name.startswith(".")
        ]
        if not files:
            raise SourceError(
                f"{self.settings.path}: expected image files in folders named 0 to 9, got none; "
                "see source.path"
            )
        return files

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read each image, scaled to fit."""
        size, ink = self.settings.size, self.settings.ink
        images = np.empty((len(files), size, size), np.uint8)
        for image, path in zip(images, files, strict=True):
            image[:] = _fit(_read_grey(path, ink), size)
            if not image.any():
                raise SourceError(
                    f"{path}: expected {ink} ink, got a blank image; "
                    "see source.ink, or delete the file"
                )
        digits = np.array([int(path.parent.name) for path in files], np.uint8)
        return RawGlyphs(images, digits, np.zeros(len(files), np.uint8))


def _read_grey(path: Path, ink: Literal["bright", "dark"]) -> NDArray[np.float64]:
    """Read an image file as ink from 0 to 1, shape (rows, columns)."""
    import imageio.v3 as iio

    try:
        # One plugin, so that the pixels do not depend on what else is installed.
        with iio.imopen(path, "r", plugin="pillow") as file:
            metadata = file.metadata()
            mode = "RGBA" if "transparency" in metadata else _READ_AS.get(metadata["mode"])
            image = _to_unit(file.read(index=0, mode=mode, rotate=True))
    except Exception as error:  # decoders raise nearly anything when bytes are wrong
        raise SourceError(
            f"{path}: expected an image file, got: {error}; repair it or delete it"
        ) from error
    return _to_ink(image if image.ndim == 3 else image[..., None], ink)


def _to_ink(planes: NDArray[np.float64], ink: Literal["bright", "dark"]) -> NDArray[np.float64]:
    """Turn planes of grey or RGB, with or without alpha, into ink: 1 is the pen, 0 the ground."""
    from skimage.color import rgb2gray

    n_planes = planes.shape[2]
    grey: NDArray[np.float64] = rgb2gray(planes[..., :3]) if n_planes > 2 else planes[..., 0]
    if n_planes in (2, 4):  # what shows through is the ground
        ground = 0.0 if ink == "bright" else 1.0
        grey = ground + planes[..., -1] * (grey - ground)
    return grey if ink == "bright" else 1 - grey


def _to_unit(image: NDArray[Any]) -> NDArray[np.float64]:
    """Scale pixels of 1, 8 or 16 bits to 0 to 1."""
    if image.dtype == np.int32 and image.min() >= 0 and image.max() <= 0xFFFF:
        image = image.astype(np.uint16)  # a PGM file of 16 bits is read so
    if image.dtype == np.bool_:
        return image.astype(np.float64)
    if image.dtype.kind != "u":
        raise ValueError(f"pixels of 1, 8 or 16 bits expected, but they are {image.dtype}")
    unit: NDArray[np.float64] = image / np.iinfo(image.dtype).max
    return unit


def _fit(ink: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Scale ink to fit `size` x `size`, keeping its aspect, and centre it on 0."""
    from skimage.transform import resize

    scale = size / max(ink.shape)
    if scale != 1:
        shape = tuple(max(1, round(side * scale)) for side in ink.shape)
        ink = resize(ink, shape, mode="edge", anti_aliasing=scale < 1)
    glyph = np.zeros((size, size), np.uint8)
    top, left = ((size - side) // 2 for side in ink.shape)
    glyph[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(ink * 255)
    return glyph
