"""Bytes to images: what a training job needs of a codec, and nothing that only builds need.

A grey PNG of eight bits whose rows are pixels, or all of them differences of pixels, is inflated by
libdeflate, in half of zlib's time, and copied or summed up. Anything else goes to Pillow, which
imageio reads with too: at every call, imageio tries to import two plugins that are not there, 0.3
ms an image, of which decoding is 0.08.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from functools import lru_cache

import numpy as np
from imagecodecs import DeflateError, deflate_decode
from numpy.typing import NDArray
from PIL import Image, ImageOps

_FORMATS = ("PNG", "JPEG")
PICTURE_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
"""What a scanner or a camera writes, as Pillow calls it."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BEGIN = PNG_SIGNATURE + struct.pack(">I4s", 13, b"IHDR")
"""Of every PNG: its signature, the length of its header, and the header's name."""
GREY_8_BIT = (8, 0, 0, 0, 0)
"""Bit depth, colour type, compression, filter method, interlace."""
MAX_PIXELS = 1 << 26
"""Of one image, 16 times the largest canvas; what says that it has more is not decoded."""


def decode_image(encoded: bytes) -> NDArray[np.uint8]:
    """Decode a grey image to uint8 of shape (H, W), in as much memory as its header tells.

    Raises
    ------
    OSError
        If its header tells of more than `MAX_PIXELS`, or of fewer than there are; what else is
        wrong makes Pillow raise errors of several kinds.
    """
    try:
        image = decode_plain(encoded)
    except (struct.error, zlib.error, ValueError):
        image = None  # Pillow finds the words for what is wrong with it
    if image is not None:
        return image
    _check_chunks(encoded)
    with Image.open(io.BytesIO(encoded), formats=_FORMATS) as opened:  # the header alone
        if opened.width * opened.height > MAX_PIXELS:
            size = f"{opened.height:,} x {opened.width:,}"
            raise OSError(f"expected at most {MAX_PIXELS:,} pixels, got {size}")
        return np.array(opened)


def decode_picture(encoded: bytes) -> NDArray[np.uint8]:
    """Decode an image of any kind that a scanner or a camera writes to grey, uint8 (H, W).

    What is transparent lies on white; a camera's turn is undone; 16 bits become 8.

    Raises
    ------
    OSError
        If it has more than `MAX_PIXELS`, or more than one picture; what else is wrong makes Pillow
        raise errors of several kinds.
    """
    _check_chunks(encoded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
        try:
            opened = Image.open(io.BytesIO(encoded), formats=PICTURE_FORMATS)  # the header alone
        except Image.DecompressionBombError as error:
            raise OSError(f"expected at most {MAX_PIXELS:,} pixels, got far more") from error
    with opened:
        if opened.width * opened.height > MAX_PIXELS:
            size = f"{opened.height:,} x {opened.width:,}"
            raise OSError(f"expected at most {MAX_PIXELS:,} pixels, got {size}")
        if (n_pictures := getattr(opened, "n_frames", 1)) != 1:
            raise OSError(f"expected one picture, got {n_pictures}")
        upright: Image.Image = ImageOps.exif_transpose(opened)
        if upright.mode.startswith("I"):
            wide = np.asarray(upright) >> 8
            return wide.clip(0, 255).astype(np.uint8)
        if upright.has_transparency_data:
            shown = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
        return np.array(upright.convert("L"))


def decode_plain(encoded: bytes) -> NDArray[np.uint8] | None:
    """Decode a PNG (ISO/IEC 15948) of grey bytes without row filters, or all of the filter Sub.

    Returns None if it is no such file.
    """
    size = _read_size(encoded[:33])
    if size is None:
        return None
    height, width = size
    n_bytes, packed = height * (width + 1), _join_pixels(encoded)
    try:  # a stream has a checksum of its own, so those of the chunks with pixels need no look
        content = deflate_decode(packed, out=n_bytes)
    except DeflateError:
        _check_end(packed, n_bytes, f"{height} x {width}")
        return None
    if len(content) < n_bytes:
        return None
    rows = np.frombuffer(content, np.uint8).reshape(height, width + 1)[:, 1:]
    filters = content[:: width + 1]
    if filters == bytes(height):
        return rows.copy()
    if filters != b"\1" * height:
        return None
    columns = np.ascontiguousarray(rows.T)  # whole columns are added faster than pixels in a row
    return np.add.accumulate(columns, axis=0, dtype=np.uint8).T.copy()


@lru_cache(256)  # the images of a dataset are of few sizes
def _read_size(header: bytes) -> tuple[int, int] | None:
    """Return the height and width of a PNG of grey bytes; None for others, and too large ones."""
    if not header.startswith(_PNG_BEGIN):
        return None
    width, height, *kind, checksum = struct.unpack_from(">II5BI", header, 16)
    is_plain = tuple(kind) == GREY_8_BIT and checksum == zlib.crc32(header[12:29])
    return (height, width) if is_plain and 0 < height * (width + 1) <= MAX_PIXELS else None


def _check_end(packed: bytes, n_bytes: int, size: str) -> None:
    """Raise an OSError if there is more than some bytes: Pillow does not look."""
    if len(zlib.decompressobj().decompress(packed, n_bytes + 1)) > n_bytes:
        raise OSError(f"PNG: expected {size} pixels as its header says, got more")


def _join_pixels(encoded: bytes) -> bytes:
    """Return the content of the chunks IDAT."""
    size, name = struct.unpack_from(">I4s", encoded, 33)
    if name == b"IDAT" and len(encoded) == 57 + size:  # one chunk, and the end
        return encoded[41 : 41 + size]
    parts, place = [], 33
    while place < len(encoded):
        size, name = struct.unpack_from(">I4s", encoded, place)
        if name == b"IDAT":
            parts.append(encoded[place + 8 : place + 8 + size])
        place += size + 12
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_chunks(encoded: bytes) -> None:
    """Raise an OSError if a PNG's chunk is damaged: Pillow does not look at the sums of pixels."""
    place = 8
    while encoded.startswith(PNG_SIGNATURE) and place + 12 <= len(encoded):
        size, name = struct.unpack_from(">I4s", encoded, place)
        end = place + 8 + size
        if encoded[end : end + 4] != zlib.crc32(encoded[place + 4 : end]).to_bytes(4):
            raise OSError(f"PNG: byte {place}: chunk {name!r}: wrong checksum or truncated")
        place = end + 4
