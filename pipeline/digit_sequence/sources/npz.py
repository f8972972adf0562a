"""A file .npz as Keras has MNIST in: arrays x_train, y_train, x_test and y_test.

Members are read without pickle, and no more of them than their headers declare.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from digit_sequence.base.blocks import InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.idx_format import MAX_GLYPHS, MAX_SIDE, bound_bytes
from digit_sequence.sources.ink import Appearance
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock, join_glyphs
from digit_sequence.sources.tables import HeldOutBeside, check_files, make_glyphs

_PAIRS = (("x_train", "y_train"), ("x_test", "y_test"))
_REMEDY = "give a file as numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)"


class NpzSettings(SourceBlock, HeldOutBeside, Appearance):
    """A file .npz in the form of Keras: x_train, y_train; for test x_test, y_test, if there."""

    name: Literal["npz"]
    """A file .npz in the form of Keras."""
    path: InputPath
    """The file: images are uint8, (count, rows, columns), labels integers 0-9."""


class Npz(Source):
    """A file .npz in the form of Keras: part 1 is x_test."""

    Settings = NpzSettings
    settings: NpzSettings

    def list_files(self) -> list[Path]:
        """List the file."""
        return check_files({"source.path": self.settings.path})

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read the arrays of train, then those of test."""
        (path,) = files
        try:
            with zipfile.ZipFile(path) as archive:
                names = {name.removesuffix(".npy") for name in archive.namelist()}
                n_pairs = 2 if names & set(_PAIRS[1]) else 1
                for name in (it for pair in _PAIRS[:n_pairs] for it in pair):
                    if name not in names:
                        raise SourceError(f"{path}: expected an array {name}, got none; {_REMEDY}")
                pairs = [
                    [_read_member(archive, name, path) for name in pair]
                    for pair in _PAIRS[:n_pairs]
                ]
        except SourceError:
            raise
        except (
            *(OSError, ValueError, EOFError, RuntimeError, KeyError, SyntaxError, TypeError),
            *(zipfile.BadZipFile, zlib.error, MemoryError),
        ) as error:
            raise SourceError(
                f"{path}: expected an archive of arrays (.npz), got: {error}; {_REMEDY}"
            ) from error
        found = []
        for part, ((images, labels), names_) in enumerate(zip(pairs, _PAIRS, strict=False)):
            where = f"{path}: {names_[0]}"
            _check_pair(images, labels, where)
            found.append(make_glyphs(images, labels.astype(np.int64), part, self.settings, where))
        try:
            return join_glyphs(*found)
        except ValueError as error:
            raise SourceError(f"{path}: {error}; {_REMEDY}") from error


def _read_member(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    """Read one array, after a look at what its header declares."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as stream:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, kind = read_header(stream)
        if kind.kind not in "ui" or is_fortran:
            raise SourceError(
                f"{path}: {name}: expected an array of integers in C order, got {kind}"
                f"{' in Fortran order' if is_fortran else ''}; {_REMEDY}"
            )
        n_bytes = math.prod(shape) * kind.itemsize
        most = bound_bytes(entry.compress_size)
        if n_bytes > most or any(side < 0 for side in shape):
            raise SourceError(
                f"{path}: {name}: expected at most {most:,} bytes in {entry.compress_size:,}, got "
                f"a header that declares {n_bytes:,}, for {shape}"
            )
        content = stream.read(n_bytes)
    if len(content) != n_bytes:
        raise SourceError(f"{path}: {name}: expected {n_bytes:,} bytes, got {len(content):,}")
    return np.frombuffer(content, kind).reshape(shape)


def _check_pair(images: NDArray[Any], labels: NDArray[Any], where: str) -> None:
    is_sound = images.ndim == 3 and labels.ndim == 1 and images.dtype == np.uint8
    if not is_sound or not all(1 <= side <= MAX_SIDE for side in images.shape[1:]):
        raise SourceError(
            f"{where}: expected uint8 images (count, rows, columns) of up to {MAX_SIDE} rows, "
            f"and a label each, got {images.dtype} {images.shape} and {labels.shape}; {_REMEDY}"
        )
    if not 1 <= len(images) <= MAX_GLYPHS:
        raise SourceError(f"{where}: expected at least one image, got {len(images):,}")
