"""Folders of image files, one for each digit: PATH/0/*.png ... PATH/9/*.png.

Signs may have folders too, called by the sign, or as U+002C where a system takes it for no name; a
sign lies in its picture as beside a digit, a comma at the foot. Glyphs go by digit, then sign, and
then by file name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import InputPath, shorten
from digit_sequence.base.characters import (
    CHARACTERS,
    INKED,
    LETTERS,
    SIGNS,
    name_character,
    parse_character,
)
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.image_files import FORMATS, is_image_file, read_grey
from digit_sequence.sources.ink import Appearance, Ink, extract_ink
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock
from digit_sequence.sources.writers import read_table

_CLASSES = [
    name
    for character in INKED
    for name in dict.fromkeys((character, name_character(character)))
    if name not in "./"
]
"""Names of the folders that are read."""


class FolderSettings(SourceBlock, HeldOut, Appearance):
    """One folder of image files per digit: PATH/0/*.png ... PATH/9/*.png.

    Likewise of signs, as PATH/U+002C for commas, each in its picture as it stands beside a digit.
    """

    name: Literal["folder"]
    """A folder of image files for each digit."""
    path: InputPath
    """The folder that holds the folders 0 to 9."""
    test_path: InputPath | None = None
    """Another such folder, of the digits for test: then no others are, and `test_fraction` means
    nothing."""
    size: int = Field(28, ge=8, le=256)
    """Rows and columns that every image is scaled to fit, centred."""
    writers: InputPath | None = None
    """CSV file of who wrote each: for every image file a line such as `7/name.png,12`, its path in
    the folder and the number of its writer; those of `test_path` after the name of that folder,
    as `test/7/name.png,12`."""


class Folder(Source):
    """One folder of image files per digit."""

    Settings = FolderSettings
    settings: FolderSettings

    def list_files(self) -> list[Path]:
        """List the image files of the digits' folders, then that of writers."""
        files = [path for path, is_image in self._scan() if is_image]
        for key, folder in self._folders.items():
            if not any(path.parent.parent == folder for path in files):
                others = "".join(f"; {note}" for note in self.list_notes())
                raise SourceError(
                    f"{folder}: expected image files in folders named 0 to 9, got none; "
                    f"see source.{key}{others}"
                )
            _check_names(folder, key)
        if self.settings.writers is None:
            return files
        table = Path(self.settings.writers)
        if not table.is_file():
            raise SourceError(f"{table}: expected a CSV file, got none; see source.writers")
        return [*files, table]

    @property
    def has_test_files(self) -> bool:
        """Whether there is a folder for test."""
        return self.settings.test_path is not None

    @property
    def _folders(self) -> dict[str, Path]:
        keys = ("path", "test_path")
        return {key: Path(path) for key in keys if (path := getattr(self.settings, key))}

    def list_notes(self) -> list[str]:
        """Say what is ignored: files that are hidden or no images, and folders of no character."""
        files = [path for path, is_image in self._scan() if not is_image]
        roots = self._folders.values()
        others = [
            path
            for root in roots
            for path in sorted(root.iterdir())
            if is_image_file(path) and path.name not in _CLASSES and path not in roots
        ]
        notes = []
        if files:
            count = "1 file" if len(files) == 1 else f"{len(files):,} files"
            kinds = ", ".join(FORMATS)
            notes.append(f"ignored {count}, hidden or not images ({kinds}): {_name_some(files)}")
        if others:
            notes.append(
                f"ignored {len(others):,} beside the folders of digits, signs and capital letters: "
                f"{_name_some(others)}"
            )
        return notes

    def _scan(self) -> Iterator[tuple[Path, bool]]:
        """Yield what the digits' folders hold, and whether it is to be read."""
        for root in self._folders.values():
            for folder in (root / name for name in _CLASSES):
                if folder.is_dir():
                    for path in sorted(folder.iterdir()):
                        yield path, is_image_file(path)

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read each image, scaled to fit."""
        size, writers = self.settings.size, None
        if self.settings.writers is not None:
            *files, table = files
            writers = read_table(table, [*map(self._name, files)])
        images = np.empty((len(files), size, size), np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about metadata and sizes
            for image, path in zip(images, files, strict=True):
                image[:] = self._read_glyph(path)
        if self.settings.transpose:
            images = images.transpose(0, 2, 1)
        names = (path.parent.name for path in files)
        digits = np.array(
            [CHARACTERS.index(parse_character(name) or "") for name in names], np.uint8
        )
        test = self._folders.get("test_path")
        parts = np.array([path.parent.parent == test for path in files], np.uint8)
        return RawGlyphs(images, digits, parts, writers=writers)

    def _name(self, path: Path) -> str:
        """Return how a file of writers calls an image file."""
        root = path.parent.parent
        name = f"{path.parent.name}/{path.name}"
        return f"{root.name}/{name}" if root == self._folders.get("test_path") else name

    def _read_glyph(self, path: Path) -> NDArray[np.uint8]:
        """Read an image file as ink, scaled to fit."""
        ink = self.settings.ink
        is_chosen = self.settings.ink_threshold is not None
        glyph = fit_glyph(*read_grey(path, ink), ink, self.settings.size, is_chosen)
        if not glyph.any():
            kind = "ink" if ink == "auto" else f"{ink} ink"
            raise SourceError(
                f"{path}: expected {kind}, got a blank image; see source.ink, or delete the file"
            )
        return glyph


def _name_some(paths: Sequence[Path]) -> str:
    names = list(dict.fromkeys(path.name for path in paths))
    return ", ".join(shorten(name, 40) for name in names[:3]) + (", ..." if names[3:] else "")


def fit_glyph(
    grey: NDArray[np.float64], is_lossy: bool, ink: Ink, size: int, is_chosen: bool
) -> NDArray[np.uint8]:
    """Return an image of `read_grey` as ink, scaled to fit and centred.

    Parameters
    ----------
    grey, is_lossy
        As `read_grey` returns them.
    ink : {"bright", "dark", "auto"}
    size : int
        Rows and columns.
    is_chosen : bool
        Whether a threshold is given, so that none is to be found.
    """
    fitted = _scale(grey, size)[None] * 255
    return _centre(np.rint(extract_ink(fitted, ink, is_lossy and not is_chosen)[0]), size)


def _check_names(root: Path, key: str) -> None:
    """Refuse a folder of a sign or letter that is misspelled, as U+2c: it would be ignored."""
    for folder in sorted(root.iterdir()):
        code = re.fullmatch("[Uu]\\+0*([0-9A-Fa-f]{2,4})", folder.name)
        sign = chr(int(code[1], 16)) if code and folder.is_dir() else ""
        if sign and sign in SIGNS + LETTERS and folder.name != name_character(sign):
            raise SourceError(
                f"{root}: expected the folder of {sign} to be named {name_character(sign)}, got "
                f"{folder.name}; see source.{key}"
            )


def _scale(grey: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Scale an image to fit `size` x `size`, keeping its aspect."""
    from skimage.transform import resize

    scale = size / max(grey.shape)
    if scale == 1:
        return grey
    shape = tuple(max(1, round(side * scale)) for side in grey.shape)
    scaled: NDArray[np.float64] = resize(grey, shape, mode="edge", anti_aliasing=scale < 1)
    return scaled


def _centre(ink: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Put ink into the middle of `size` x `size` zeros."""
    glyph = np.zeros((size, size), np.uint8)
    top, left = ((size - side) // 2 for side in ink.shape)
    glyph[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return glyph
