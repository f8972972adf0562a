"""The sources, by the name that `source.name` gives."""

from __future__ import annotations

from pathlib import Path

from digit_sequence.base.registry import Registry
from digit_sequence.sources.csv_table import Csv
from digit_sequence.sources.emnist import Emnist
from digit_sequence.sources.folder import Folder
from digit_sequence.sources.idx import Idx
from digit_sequence.sources.mix import make_mix
from digit_sequence.sources.mnist import Mnist
from digit_sequence.sources.mnist_5k import Mnist5k
from digit_sequence.sources.npz import Npz
from digit_sequence.sources.parquet import Parquet
from digit_sequence.sources.qmnist import Qmnist
from digit_sequence.sources.reading import list_source_files, read_glyphs
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock

_PLAIN = (Mnist, Mnist5k, Emnist, Qmnist, Idx, Folder, Npz, Csv, Parquet)
MIX = make_mix({source.name: source for source in _PLAIN})
SOURCES: Registry[type[Source]] = Registry("source.name", "digit_sequence.sources", *_PLAIN, MIX)


def open_source(settings: SourceBlock) -> Source:
    """Return the source of a block `source`.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    return SOURCES[settings.name](settings)


def list_files(settings: SourceBlock) -> list[Path]:
    """List the files that the source of a block `source` reads; see `list_source_files`."""
    return list_source_files(open_source(settings))


def read_source(settings: SourceBlock) -> RawGlyphs:
    """Read all glyphs of the source of a block `source`; see `read_glyphs`."""
    return read_glyphs(open_source(settings))
