"""Keep the glyphs of a source in a memory-mapped cache.

A bank is a folder of the cache, ``banks/DIGEST``, published whole and never changed. Files
``sources/KEY`` hold the digests of the banks that sources have become, each followed by what looked
wrong when the source was read, a line each:

===========  ===============  =========================================================
images.npy   uint8 (N, H, W)  ink bright on 0
digits.npy   uint8 (N,)       0 to 9; of signs their codes in `base.characters`
parts.npy    uint8 (N,)       0: any split may use the glyph; 1: only test may
ink.npy      int16 (N, 4)     top, left, bottom, right of the ink, half-open
writers.npy  int32 (N,)       who wrote each; only there if the source says so
origins.npy  uint8 (N,)       part of a mix that each is of; only there for a mix
frames.npy   int16 (P, 4)     top, left, bottom, right of the images of each part; likewise
bank.json    UTF-8            format, digest, shape, bytes and sha256 of each file above,
                              and sha256 of all that
===========  ===============  =========================================================
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import DIGITS, find_signs
from digit_sequence.base.errors import SourceError, SourceWarning
from digit_sequence.base.files import open_new
from digit_sequence.sources.cache import CACHE_VARIABLE, cache_folder, writing_into
from digit_sequence.sources.distances import Distances
from digit_sequence.sources.registry import list_files, open_source, read_source
from digit_sequence.sources.source import RawGlyphs, SourceBlock

BANK_FORMAT = 1
_PACKED_HEAD = 65
"""Bytes of the line before a packed bank."""
_REMEDY = f"set {CACHE_VARIABLE} to another cache folder"
_ARRAYS = ("images", "digits", "parts", "ink")
_EXTRAS = ("writers", "origins", "frames")
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
    """SHA-256 over shape, images, digits, parts and `_EXTRAS`: identifies the source."""
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


def load_bank(settings: SourceBlock) -> GlyphBank:
    """Open the bank of a source; read the source and publish the bank if there is none yet.

    Parameters
    ----------
    settings : SourceBlock
        The block `source` of a config.

    Returns
    -------
    GlyphBank

    Raises
    ------
    SourceError
        If the source cannot be read, the cache folder cannot be written, or a cached file is not
        as it was written.

    Warns
    -----
    SourceWarning
        If the digits may not be what they seem, or files are ignored: each time, cached or not.
    """
    pointer = cache_folder() / "sources" / _name_source(settings)
    with writing_into(pointer.parent, _REMEDY):
        text = pointer.read_text("utf-8", errors="replace") if pointer.is_file() else None
        name, *doubts = (text or "").splitlines() or [""]
        folder = _bank_folder(name) if text is not None else None
        is_cached = folder is not None and folder.is_dir()
    if folder is None or not is_cached:
        glyphs = read_source(settings)
        folder, doubts = _publish_bank(glyphs), list(glyphs.doubts)
        with writing_into(pointer.parent, _REMEDY), open_new(pointer) as file:
            file.write("\n".join([folder.name, *doubts]).encode())
    for note in (*open_source(settings).list_notes(), *doubts):
        warnings.warn(f"source {settings.name}: {note}", SourceWarning, stacklevel=2)
    return _open_bank(folder)


def find_bank(digest: str) -> GlyphBank | None:
    """Open the bank of a digest if the cache has it."""
    folder = _bank_folder(digest)
    return _open_bank(folder) if folder.is_dir() else None


def pack_bank(bank: GlyphBank) -> bytes:
    """Return a bank as one file, to travel with a dataset: a line of SHA-256, then .npz in zstd."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        name: getattr(bank, name)
        for name in ("images", "digits", "parts", *_EXTRAS)
        if getattr(bank, name) is not None
    }
    np.savez(buffer, **arrays)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:  # ten times as fast as zlib
        stream.write(buffer.getbuffer())
    content: bytes = sink.getvalue().to_pybytes()
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def open_bank(read: Callable[[], RawGlyphs], digest: str) -> GlyphBank:
    """Open the bank of a digest, from the cache or else from glyphs that are read.

    Parameters
    ----------
    read : callable
        Returns the glyphs; called only if the cache does not have the bank.
    digest : str
        Of the bank.

    Raises
    ------
    SourceError
        If they cannot be put into the cache.
    """
    return find_bank(digest) or _open_bank(_publish_bank(read()))


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
        got = _digest_glyphs(glyphs)
    except Exception as error:  # a digest that is right makes no archive sound
        raise SourceError(f"packed glyphs: expected an .npz of glyphs, got: {error!r}") from error
    if got != digest:
        raise SourceError(f"packed glyphs: expected the digest {digest}, got {got}")
    return glyphs


def _bank_folder(digest: str) -> Path:
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise SourceError(
            f"{cache_folder()}: expected the digest of a glyph bank, got {shorten(digest)}; delete "
            "the folder and run again"
        )
    return cache_folder() / "banks" / digest


def _name_source(settings: SourceBlock) -> str:
    """Return a name that changes with the bytes that the bank would hold."""
    source = open_source(settings)
    origin: list[Any] = [BANK_FORMAT, source.version, source.glyph_settings]
    if source.has_paths:
        for path in list_files(settings):
            try:
                status = path.stat()
            except OSError as error:
                raise SourceError(f"{path}: expected a file, got: {error.strerror}") from error
            origin.append([str(path.absolute()), status.st_size, status.st_mtime_ns])
    return f"{source.name}-{hashlib.sha256(json.dumps(origin).encode()).hexdigest()[:32]}"


def _publish_bank(glyphs: RawGlyphs) -> Path:
    """Write a bank beside its place and move it there, unless another process was faster."""
    folder = _bank_folder(_digest_glyphs(glyphs))
    temporary = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    with writing_into(folder.parent, _REMEDY):
        try:
            temporary.mkdir(parents=True)
            _write_bank(glyphs, temporary)
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _write_bank(glyphs: RawGlyphs, folder: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "images": glyphs.images,
        "digits": glyphs.digits,
        "parts": glyphs.parts,
        "ink": find_ink(glyphs.images),
    }
    arrays |= _list_extras(glyphs)
    files = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        np.save(path, array, allow_pickle=False)
        files[path.name] = {
            "shape": array.shape,
            "bytes": path.stat().st_size,
            "sha256": _hash_file(path),
        }
    record = {"format": BANK_FORMAT, "digest": _digest_glyphs(glyphs), "files": files}
    text = json.dumps(record | {"sha256": _hash_record(record)}, indent=1)
    (folder / "bank.json").write_text(text, encoding="utf-8")


def find_ink(images: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return top, left, bottom, right of the pixels above 0 of each image, half-open."""
    edges = []
    for across in (2, 1):  # rows with ink, then columns with ink
        has_ink = images.max(axis=across) > 0
        edges.append((has_ink.argmax(axis=1), has_ink.shape[1] - has_ink[:, ::-1].argmax(axis=1)))
    (top, bottom), (left, right) = edges
    return np.stack([top, left, bottom, right], axis=1).astype(np.int16)


def _digest_glyphs(glyphs: RawGlyphs) -> str:
    digest = hashlib.sha256(repr(glyphs.images.shape).encode())
    for array in (glyphs.images, glyphs.digits, glyphs.parts):
        digest.update(np.ascontiguousarray(array).data)
    for name, array in _list_extras(glyphs).items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _list_extras(glyphs: RawGlyphs) -> dict[str, NDArray[Any]]:
    found = {name: getattr(glyphs, name) for name in _EXTRAS}
    return {name: array for name, array in found.items() if array is not None}


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash_record(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _open_bank(folder: Path) -> GlyphBank:
    try:
        record = _read_record(folder / "bank.json")
        names = (*_ARRAYS, *(name for name in _EXTRAS if f"{name}.npy" in record["files"]))
        for name in names:
            _check_file(folder / f"{name}.npy", record["files"][f"{name}.npy"])
        arrays = {
            name: np.load(
                folder / f"{name}.npy",
                mmap_mode="r" if name == "images" else None,
                allow_pickle=False,
            )
            for name in names
        }
    except SourceError as error:
        raise SourceError(f"{error}; delete the folder {folder} and run again") from error
    except OSError as error:
        raise SourceError(
            f"{error.filename or folder}: expected a readable file of the cache, got: "
            f"{error.strerror or error}; delete the folder {folder} and run again"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{folder}: expected a glyph bank, got: {error!r}; delete the folder and run again"
        ) from error
    for array in arrays.values():
        array.flags.writeable = False
    return GlyphBank(**arrays, digest=record["digest"])


def _read_record(path: Path) -> dict[str, Any]:
    """Read bank.json, which vouches for the other files, and check that it is as written."""
    content = path.read_bytes()
    try:
        record: dict[str, Any] = json.loads(content)
        expected = record.pop("sha256")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: expected the record of a glyph bank, got: {error!r}") from error
    if _hash_record(record) != expected:
        raise SourceError(f"{path}: expected sha256 {expected}, got {_hash_record(record)}")
    return record


def _check_file(path: Path, expected: Mapping[str, Any]) -> None:
    n_bytes = path.stat().st_size
    if n_bytes != expected["bytes"]:
        raise SourceError(f"{path}: expected {expected['bytes']:,} bytes, got {n_bytes:,}")
    sha256 = _hash_file(path)
    if sha256 != expected["sha256"]:
        raise SourceError(f"{path}: expected sha256 {expected['sha256']}, got {sha256}")
