"""Image files of any kind become grey images.

Files are decoded by name of format, so that bytes which claim to be a program's (PostScript) start
none, and after a look at the size that they declare.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from digit_sequence.base.errors import SourceError
from digit_sequence.sources.ink import Ink

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""What is decoded, as Pillow calls it: all grids of pixels. PPM is PBM, PGM and PNM as well."""
SUFFIXES = frozenset(
    [
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
        *(".gif", ".pbm", ".pgm", ".ppm", ".pnm"),
    ]
)
"""Of the names of image files; a file of another name is one if it begins as one."""
MAX_PIXELS = 1 << 24
"""Of one file: what declares more is not decoded."""
_SIGNATURES = (
    *(b"\x89PNG\r\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"GIF8"),
    *(b"P4", b"P5", b"P6"),
)
_SYSTEM_FOLDERS = {"__MACOSX", "@eaDir"}
"""Folders that systems leave beside files."""
_READ_AS = {"P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "La": "LA", "RGBX": "RGB"} | dict.fromkeys(
    ("CMYK", "YCbCr", "HSV", "LAB"), "RGB"
)
"""Pillow's modes whose planes are not grey or RGB, each with or without alpha."""


def is_image_file(path: Path) -> bool:
    """Return whether what is in a digit's folder is to be read: whatever could hold a digit.

    A folder is: that it is there is an error, for there may be digits in it.
    """
    if path.name.startswith(".") or path.name in _SYSTEM_FOLDERS:
        return False
    if path.suffix.lower() in SUFFIXES or path.is_dir():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.read(12)
    return begin.startswith(_SIGNATURES) or (begin[:4] == b"RIFF" and begin[8:] == b"WEBP")


def read_grey(
    path: Path, ink: Ink, content: bytes | None = None
) -> tuple[NDArray[np.float64], bool]:
    """Read an image file, or its content, as grey from 0 to 1 and whether it has losses."""
    try:
        file = path if content is None else io.BytesIO(content)
        with Image.open(file, formats=FORMATS) as opened:  # the header alone
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(
                    f"{opened.height:,} x {opened.width:,} pixels, more than {MAX_PIXELS:,}"
                )
            is_lossy = _has_losses(opened, path, content)
            mode = "RGBA" if "transparency" in opened.info else _READ_AS.get(opened.mode)
            turned = ImageOps.exif_transpose(opened)
            image = np.asarray(turned if mode is None else turned.convert(mode))
        planes = _to_unit(image)
    except Exception as error:  # decoders raise nearly anything when bytes are wrong
        problem = str(error)
        if isinstance(error, UnidentifiedImageError):
            problem = f"none of {', '.join(FORMATS)}"
        raise SourceError(
            f"{path}: expected an image file, got: {problem}; repair it or delete it"
        ) from error
    return _to_grey(planes if planes.ndim == 3 else planes[..., None], ink), is_lossy


def _has_losses(image: Image.Image, path: Path, content: bytes | None) -> bool:
    """Return whether an image's pixels are not those that were saved: JPEG, most WebP."""
    if image.format in ("JPEG", "MPO"):
        return True
    if image.format == "TIFF":
        return image.info.get("compression") in ("jpeg", "tiff_jpeg", "webp")
    if image.format != "WEBP":
        return False
    if content is None:
        content = path.read_bytes()
    place = 12
    while place + 8 <= len(content):  # chunks of RIFF: name, size, and as many bytes, made even
        name, size = struct.unpack_from("<4sI", content, place)
        if name == b"VP8L":
            return False
        place += 8 + size + size % 2
    return True


def _to_grey(planes: NDArray[np.float64], ink: Ink) -> NDArray[np.float64]:
    """Turn planes of grey or RGB, with or without alpha, into grey on a ground without ink."""
    from skimage.color import rgb2gray

    n_planes = planes.shape[2]
    grey: NDArray[np.float64] = rgb2gray(planes[..., :3]) if n_planes > 2 else planes[..., 0]
    if n_planes in (2, 4):  # what shows through is the ground
        alpha = planes[..., -1]
        is_bright = ink == "bright"
        if ink == "auto":
            is_bright = (grey * alpha).sum() > alpha.sum() / 2
        ground = 0.0 if is_bright else 1.0
        grey = ground + alpha * (grey - ground)
    return grey


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
