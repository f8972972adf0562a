"""The bank of a source: all its glyphs, in memory or packed as one file."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import DIGITS, find_signs
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.distances import Distances
from digit_sequence.sources.source import RawGlyphs

_PACKED_HEAD = 65
"""Bytes of the line before a packed bank."""
EXTRAS = ("writers", "origins", "frames")
"""Arrays that only some sources have."""


@dataclass(frozen=True)
class GlyphBank:
    """All glyphs of a source; a glyph's row is its id."""

    images: NDArray[np.uint8]
    """Shape (N, H, W), ink bright on 0; memory-mapped, read-only."""
    digits: NDArray[np.uint8]
    """Shape (N,), 0 to 9; of signs their codes in `base.characters`."""
    parts: NDArray[np.uint8]
    """Shape (N,): 0 if any split may use the glyph, 1 if only test may."""
    ink: NDArray[np.int16]
    """Shape (N, 4): top, left, bottom, right of the pixels above 0, half-open."""
    digest: str
    """SHA-256 over shape, images, digits, parts and `EXTRAS`: identifies the source."""
    writers: NDArray[np.int32] | None = None
    """Shape (N,): who wrote each, 0 or more, -1 where nobody knows; None if no writer is known."""
    origins: NDArray[np.uint8] | None = None
    """Shape (N,): which of the P parts of a mix each is of; None if of no mix."""
    frames: NDArray[np.int16] | None = None
    """Shape (P, 4): top, left, bottom, right of the images of a part, half-open, in those here."""

    @cached_property
    def line_rows(self) -> tuple[int, int]:
        """First row of what digits of the usual height have ink in, and the one behind the last.

        A sign is as high as a digit to whatever scales it: it keeps its size and its place.
        """
        return _find_line_rows(self.ink, self.digits)

    @cached_property
    def bodies(self) -> NDArray[np.int16]:
        """Shape (N, 4): the ink; but of signs the columns of theirs, and the rows of digits.

        Those are the `line_rows`; of a mix, of each part.
        """
        is_sign = find_signs(self.digits)
        if not is_sign.any():
            return self.ink
        bodies = self.ink.copy()
        origins = np.zeros_like(self.digits) if self.origins is None else self.origins
        for place in np.unique(origins[is_sign]):
            own = origins == place
            lines = _find_line_rows(self.ink[own], self.digits[own])
            bodies[is_sign & own, 0], bodies[is_sign & own, 2] = lines
        return bodies

    @cached_property
    def distances(self) -> Distances:
        """From the middle of strokes: what a pen draws by."""
        return Distances(self.images)

    def find_frames(self, glyph_ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return top, left, bottom, right of what was the image of some glyphs, (4, G)."""
        if self.frames is None or self.origins is None:
            return np.outer([0.0, 0.0, *self.images.shape[1:]], np.ones(len(glyph_ids)))
        return self.frames[self.origins[glyph_ids]].T.astype(np.float64)


def _find_line_rows(ink: NDArray[np.int16], digits: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the rows that digits of the usual height have ink in, by those of some glyphs."""
    is_digit = digits < len(DIGITS)
    rows = ink[is_digit if is_digit.any() else ~is_digit][:, [0, 2]]
    top, bottom = np.sort(rows, axis=0)[len(rows) // 2]
    return int(top), int(bottom)


def pack_bank(bank: GlyphBank) -> bytes:
    """Return a bank as one file, to travel with a dataset: a line of SHA-256, then .npz in zstd."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        name: getattr(bank, name)
        for name in ("images", "digits", "parts", *EXTRAS)
        if getattr(bank, name) is not None
    }
    np.savez(buffer, **arrays)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:  # ten times as fast as zlib
        stream.write(buffer.getbuffer())
    content: bytes = sink.getvalue().to_pybytes()
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def parse_bank(content: bytes, digest: str) -> RawGlyphs:
    """Return the glyphs that `pack_bank` has packed.

    Raises
    ------
    SourceError
        Unless the bytes are as they were written, and hold the bank of that digest.
    """
    sha256, packed = content[:_PACKED_HEAD], content[_PACKED_HEAD:]
    got = hashlib.sha256(packed).hexdigest()
    if sha256 != got.encode() + b"\n":
        raise SourceError(f"packed glyphs: expected the sha256 {shorten(sha256[:-1])}, got {got}")
    try:
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
            plain = stream.read()
        with np.load(io.BytesIO(plain), allow_pickle=False) as arrays:
            glyphs = RawGlyphs(**{name: arrays[name] for name in arrays.files})
        glyphs.check()
        got = digest_glyphs(glyphs)
    except Exception as error:  # a digest that is right makes no archive sound
        raise SourceError(f"packed glyphs: expected an .npz of glyphs, got: {error!r}") from error
    if got != digest:
        raise SourceError(f"packed glyphs: expected the digest {digest}, got {got}")
    return glyphs


def find_ink(images: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return top, left, bottom, right of the pixels above 0 of each image, half-open."""
    edges = []
    for across in (2, 1):  # rows with ink, then columns with ink
        has_ink = images.max(axis=across) > 0
        edges.append((has_ink.argmax(axis=1), has_ink.shape[1] - has_ink[:, ::-1].argmax(axis=1)))
    (top, bottom), (left, right) = edges
    return np.stack([top, left, bottom, right], axis=1).astype(np.int16)


def digest_glyphs(glyphs: RawGlyphs) -> str:
    """Return the digest of a bank of some glyphs."""
    digest = hashlib.sha256(repr(glyphs.images.shape).encode())
    for array in (glyphs.images, glyphs.digits, glyphs.parts):
        digest.update(np.ascontiguousarray(array).data)
    for name, array in list_extras(glyphs).items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def list_extras(glyphs: RawGlyphs) -> dict[str, NDArray[Any]]:
    """Return the arrays of glyphs that only some sources have."""
    found = {name: getattr(glyphs, name) for name in EXTRAS}
    return {name: array for name, array in found.items() if array is not None}
