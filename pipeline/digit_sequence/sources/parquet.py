"""Tables of the Hugging Face hub, Parquet or Arrow: a column of images and one of labels.

=======  ===================================================  ===================
column   type                                                 content
=======  ===================================================  ===================
`image`  struct of bytes (binary) and path, or binary         an image file each
`label`  integer                                              the digit
=======  ===================================================  ===================
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.folder import fit_glyph
from digit_sequence.sources.idx_format import MAX_GLYPHS, bound_bytes
from digit_sequence.sources.image_files import read_grey
from digit_sequence.sources.ink import Appearance
from digit_sequence.sources.source import RawGlyphs
from digit_sequence.sources.tables import Table, TableSettings, make_glyphs

_BATCH_ROWS = 1024
_PARQUET = b"PAR1"
_ARROW = b"ARROW1"
_REMEDY = "see source.image and source.label, the names of the columns"


class ParquetSettings(TableSettings):
    """Tables of the Hugging Face hub: image files in a column, digits in another."""

    name: Literal["parquet"]
    """Tables of images, Parquet or Arrow."""
    image: str = "image"
    """The column of images: a struct with bytes, or the bytes."""
    label: str = "label"
    """The column of digits 0-9."""
    size: int = Field(28, ge=8, le=256)
    """Rows and columns that every image is scaled to fit, centred."""


class Parquet(Table):
    """Tables of the Hugging Face hub, Parquet or Arrow."""

    Settings = ParquetSettings
    settings: ParquetSettings

    def read_file(self, path: Path, part: int) -> RawGlyphs:
        """Read a file."""
        images: list[NDArray[np.uint8]] = []
        labels: list[NDArray[Any]] = []
        with _open_batches(path, [self.settings.image, self.settings.label]) as batches:
            for batch in batches:
                contents = _list_contents(batch[self.settings.image], path)
                first = len(images)
                images += [
                    self._read_glyph(content, f"{path}: row {first + row}", path)
                    for row, content in enumerate(contents)
                ]
                labels.append(_to_labels(batch[self.settings.label], path))
        if not images:
            raise SourceError(f"{path}: expected at least one row, got none; {_REMEDY}")
        upright = Appearance(transpose=self.settings.transpose)  # the ink is found by now
        return make_glyphs(np.stack(images), np.concatenate(labels), part, upright, path)

    def _read_glyph(self, content: bytes | None, where: str, path: Path) -> NDArray[np.uint8]:
        if content is None:
            raise SourceError(f"{where}: expected the bytes of an image, got none; {_REMEDY}")
        ink = self.settings.ink
        is_chosen = self.settings.ink_threshold is not None
        try:
            grey, is_lossy = read_grey(path, ink, content)
        except SourceError as error:
            raise SourceError(f"{where}: {str(error).removeprefix(f'{path}: ')}") from error
        return fit_glyph(grey, is_lossy, ink, self.settings.size, is_chosen)


@contextmanager
def _open_batches(path: Path, columns: list[str]) -> Iterator[Iterator[dict[str, pa.Array]]]:
    """Open a table, and yield two of its columns, some rows at a time."""
    try:
        with pa.memory_map(str(path)) as file:
            begin = file.read(6)
            file.seek(0)
            if begin[:4] == _PARQUET:
                yield _read_parquet(file, columns, path)
            else:
                yield _read_arrow(file, begin == _ARROW, columns, path)
    except SourceError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
        raise SourceError(
            f"{path}: expected a sound Parquet or Arrow file, got: {shorten(str(error), 300)}; "
            "see source.path"
        ) from error


def _read_parquet(
    file: pa.NativeFile,
    columns: list[str],
    path: Path,
) -> Iterator[dict[str, pa.Array]]:
    opened = pq.ParquetFile(file, pre_buffer=False)
    _check_columns(opened.schema_arrow, columns, path)
    metadata, most = opened.metadata, bound_bytes(path.stat().st_size)
    declared = sum(
        metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)
    )
    if declared > most or metadata.num_rows > MAX_GLYPHS:
        raise SourceError(
            f"{path}: expected at most {most:,} bytes in a file of {path.stat().st_size:,}, got "
            f"{declared:,} in {metadata.num_rows:,} rows"
        )
    for batch in opened.iter_batches(_BATCH_ROWS, columns=columns):
        yield {name: batch.column(name) for name in columns}


def _read_arrow(
    file: pa.NativeFile, is_file: bool, columns: list[str], path: Path
) -> Iterator[dict[str, pa.Array]]:
    if is_file:
        opened = pa.ipc.open_file(file)
        _check_columns(opened.schema, columns, path)
        found = (opened.get_batch(number) for number in range(opened.num_record_batches))
    else:
        found = pa.ipc.open_stream(file)
        _check_columns(found.schema, columns, path)
    most, n_bytes = bound_bytes(path.stat().st_size), 0
    for batch in found:
        n_bytes += batch.nbytes
        if n_bytes > most:
            raise SourceError(f"{path}: expected at most {most:,} bytes, got more")
        for name in columns:
            batch.column(name).validate(full=True)  # offsets of a file may point anywhere
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            part = batch.slice(start, _BATCH_ROWS)
            yield {name: part.column(name) for name in columns}


def _check_columns(schema: pa.Schema, columns: list[str], path: Path) -> None:
    for name in columns:
        if schema.names.count(name) != 1:
            got = ", ".join(map(shorten, schema.names[:20])) or "none"
            raise SourceError(f"{path}: expected a column {shorten(name)}, got {got}; {_REMEDY}")


def _list_contents(column: pa.Array, path: Path) -> list[bytes | None]:
    """Return the image files of a column."""
    kind = column.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        contents = column.field("bytes")
        kind = contents.type
    else:
        contents = column
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise SourceError(
            f"{path}: expected image files as binary, or as a struct with bytes, got "
            f"{shorten(str(column.type))}; {_REMEDY}"
        )
    found: list[bytes | None] = contents.to_pylist()
    return found


def _to_labels(column: pa.Array, path: Path) -> NDArray[Any]:
    if not pa.types.is_integer(column.type) or column.null_count:
        got = str(column.type) if not column.null_count else "an empty value"
        raise SourceError(f"{path}: expected digits 0-9 as integers, got {got}; {_REMEDY}")
    labels: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return labels
