"""The full MNIST, 70,000 digits, downloaded where its files are missing.

Glyphs 0 to 59,999 are those of train, 60,000 to 69,999 those of t10k, in the order of the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from digit_sequence.base.blocks import AS_TUPLE, UNPUBLISHED, InputPath
from digit_sequence.base.errors import SourceError
from digit_sequence.base.files import open_new
from digit_sequence.sources.cache import CACHE_VARIABLE, cache_folder, writing_into
from digit_sequence.sources.download import download
from digit_sequence.sources.idx_format import pair_glyphs, read_plain
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock
from digit_sequence.sources.writers import pick_rows

LICENSE = "cc-by-sa-3.0"
_REMEDY = f"name another in source.path or in the environment variable {CACHE_VARIABLE}"
ATTRIBUTION = "MNIST: Y. LeCun and C. Cortes and C. Burges, CC BY-SA 3.0."
QMNIST_ATTRIBUTION = "Writers: QMNIST, C. Yadav and L. Bottou, BSD licence of Facebook, Inc."


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
QMNIST_FILES = (
    MnistFile(
        "qmnist-train-labels.tsv",
        1_477_471,
        "d12becc9bddd68fc45d52ddaa7868aa49dc4c7080d65b51ce6cf12ecdfbabd5c",
    ),
    MnistFile(
        "qmnist-test-labels.tsv",
        1_501_745,
        "eb655936ef35473cf5b3df22bcb474433a6211ecdffd3ff670651f3167bdf6b6",
    ),
)
"""Who wrote the digits of train, then those of t10k and 50,000 more: a row each, in the order of
MNIST (Yadav and Bottou, "Cold Case: the Lost MNIST Digits", 2019; BSD licence)."""
QMNIST_MIRRORS = ("https://raw.githubusercontent.com/facebookresearch/qmnist/main/",)


_FIRST_OF_T10K = 60_000
DOUBTFUL = tuple(
    _FIRST_OF_T10K + row
    for row in (
        *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527),
        *(9679, 9729),
    )
)
"""Glyphs of t10k whose labels most human judges doubt: Northcutt, Athalye and Mueller, "Pervasive
label errors in test sets destabilize machine learning benchmarks", 2021."""


class MnistSettings(SourceBlock):
    """The full MNIST: test digits come from t10k only, train and val from train only."""

    name: Literal["mnist"]
    """The full MNIST."""
    path: InputPath | None = None
    """Folder of the four files, which must be there; missing files are downloaded into it. Default:
    the user's cache."""
    mirrors: Annotated[tuple[str, ...], AS_TUPLE, UNPUBLISHED] = Field(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        min_length=1,
    )
    """Addresses to download from, tried in turn."""
    writers: bool = False
    """Whether to know who wrote each digit: from the label files of QMNIST, which are looked for
    beside the others, in a folder `qmnist` in or beside theirs, and else downloaded."""
    val_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the training digits, per class, held out for val."""
    keep_doubtful: bool = False
    """Whether test has the fifteen digits of t10k that most of five people do not read as labelled,
    or do not agree on."""


class Mnist(Source):
    """The full MNIST: part 1 is t10k."""

    Settings = MnistSettings
    settings: MnistSettings
    license = LICENSE
    attribution = ATTRIBUTION

    @property
    def excluded(self) -> tuple[int, ...]:
        """The rows that no split uses; doubtful ones among them, unless they are kept."""
        return (*self.settings.exclude, *(() if self.settings.keep_doubtful else DOUBTFUL))

    def list_credits(self) -> list[str]:
        """Name those of the digits, and of the writers."""
        return [ATTRIBUTION, QMNIST_ATTRIBUTION] if self.settings.writers else [ATTRIBUTION]

    def list_files(self) -> list[Path]:
        """List the four files, in the order of `MNIST_FILES`; then those of writers."""
        path, mirrors = self.settings.path, self.settings.mirrors
        if path is not None:
            folder = Path(path)
            if not folder.is_dir():  # it may be mistyped: nothing is made or downloaded there
                raise SourceError(
                    f"{folder}: expected a folder, got {'a file' if folder.exists() else 'none'}; "
                    "make it, mend source.path, or leave source.path out to have the files in the "
                    f"cache (see the environment variable {CACHE_VARIABLE})"
                )
        else:
            folder = cache_folder() / "mnist"
        files = [
            _find_file(file, folder) or _fetch_file(file, folder, mirrors, _name_others())
            for file in MNIST_FILES
        ]
        return [*files, *find_qmnist(folder)] if self.settings.writers else files

    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read train, then t10k."""
        contents = [
            _read_file(file, path) for file, path in zip(MNIST_FILES, files[:4], strict=True)
        ]
        train = pair_glyphs(contents[0], contents[1], files[:2], part=0)
        test = pair_glyphs(contents[2], contents[3], files[2:4], part=1)
        writers = None
        if self.settings.writers:
            parts = zip(QMNIST_FILES, files[4:], (train, test), strict=True)
            writers = np.concatenate(
                [
                    pick_rows(read_qmnist(file, path), np.arange(len(part.digits)), part.digits)
                    for file, path, part in parts
                ]
            )
        return RawGlyphs(
            np.concatenate([train.images, test.images]),
            np.concatenate([train.digits, test.digits]),
            np.concatenate([train.parts, test.parts]),
            writers=writers,
        )


def find_qmnist(folder: Path, files: Sequence[MnistFile] | None = None) -> list[Path]:
    """Return the label files of QMNIST, or some of them, after a download of missing ones.

    Parameters
    ----------
    folder : Path
        Of MNIST: they are in it, or in a folder ``qmnist`` in or beside it, or put into it.
    files : sequence of MnistFile, optional
        Default: `QMNIST_FILES`.

    Raises
    ------
    SourceError
        If one cannot be had.
    """
    found = []
    for file in QMNIST_FILES if files is None else files:
        places = (folder, folder / "qmnist", folder.parent / "qmnist")
        there = (path for place in places if (path := _find_file(file, place)))
        remedy = f"Put {file.name}.gz into that folder by hand, or leave source.writers out"
        found.append(next(there, None) or _fetch_file(file, folder, QMNIST_MIRRORS, remedy))
    return found


def read_qmnist(file: MnistFile, path: Path) -> NDArray[np.int64]:
    """Return the rows of a label file of QMNIST: class, series of forms, writer, and more."""
    content = _read_file(file, path)
    try:
        return np.array([line.split() for line in bytes(content).splitlines()], np.int64)
    except ValueError as error:  # its digest is right, so this is a file of tests
        raise SourceError(f"{path}: expected rows of numbers, got: {error}") from error


def _find_file(file: MnistFile, folder: Path) -> Path | None:
    """Return the file under any of the names by which it goes around."""
    for stem in (file.name, file.name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    return None


def _read_file(file: MnistFile, path: Path) -> bytearray:
    try:
        content = read_plain(path, file.n_bytes + 1, path)
        file.check(content, path)
    except SourceError as error:
        raise SourceError(
            f"{error}; delete it to have it downloaded again, or put the original in its place"
        ) from error
    return content


def _name_others() -> str:
    """Return what to do without internet."""
    names = ", ".join(f"{file.name}.gz" for file in MNIST_FILES)
    return (
        "Without internet use source.name: mnist-5k, 5,000 of these digits from a package, or put "
        f"the four files into that folder: {names}"
    )


def _fetch_file(file: MnistFile, folder: Path, mirrors: Sequence[str], remedy: str) -> Path:
    """Download a file from the first mirror that has it, and return its path."""
    with writing_into(folder, _REMEDY):
        folder.mkdir(parents=True, exist_ok=True)  # the cache: any other folder is there
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
        with writing_into(folder, _REMEDY), open_new(path) as opened:
            opened.write(body)
        return path
    raise SourceError(
        f"{folder}: expected {file.name}.gz, got it neither here nor from a mirror:\n"
        + "\n".join(failures)
        + f"\n{remedy}"
    )
