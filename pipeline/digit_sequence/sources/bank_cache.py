"""Glyph banks in a cache, memory-mapped.

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
import json
import re
import shutil
import uuid
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import SourceError, SourceWarning
from digit_sequence.base.files import open_new
from digit_sequence.sources.bank import EXTRAS, GlyphBank, digest_glyphs, find_ink, list_extras
from digit_sequence.sources.cache import CACHE_VARIABLE, cache_folder, writing_into
from digit_sequence.sources.registry import list_files, open_source, read_source
from digit_sequence.sources.source import RawGlyphs, SourceBlock

BANK_FORMAT = 1
_REMEDY = f"set {CACHE_VARIABLE} to another cache folder"
_ARRAYS = ("images", "digits", "parts", "ink")


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
    folder = _bank_folder(digest_glyphs(glyphs))
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
    arrays |= list_extras(glyphs)
    files = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        np.save(path, array, allow_pickle=False)
        files[path.name] = {
            "shape": array.shape,
            "bytes": path.stat().st_size,
            "sha256": _hash_file(path),
        }
    record = {"format": BANK_FORMAT, "digest": digest_glyphs(glyphs), "files": files}
    text = json.dumps(record | {"sha256": _hash_record(record)}, indent=1)
    (folder / "bank.json").write_text(text, encoding="utf-8")


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash_record(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _open_bank(folder: Path) -> GlyphBank:
    try:
        record = _read_record(folder / "bank.json")
        names = (*_ARRAYS, *(name for name in EXTRAS if f"{name}.npy" in record["files"]))
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
