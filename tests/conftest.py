"""A tiny bank of drawn glyphs, a tiny config, and the settings of all tests."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from digit_sequence.base.names import SplitName
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.sources.bank import GlyphBank
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.pools import GlyphPool, partition_glyphs
from strategies import make_legible

if TYPE_CHECKING:
    from builds import Forks
    from servers import ObjectStore

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

signal.signal(signal.SIGINT, signal.default_int_handler)  # even where tests run with it ignored
signal.signal(signal.SIGHUP, signal.SIG_DFL)

MNIST_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "mnist"
N_PER_DIGIT = 12


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests without looking for garbage, then or later, among what stays: 6 of 17 s."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# Polylines through points (row, column) of a unit square, one or two strokes per digit.
STROKES = {
    0: [[(0, 0.5), (0.2, 1), (0.8, 1), (1, 0.5), (0.8, 0), (0.2, 0), (0, 0.5)]],
    1: [[(0.2, 0.3), (0, 0.6), (1, 0.5)]],
    2: [[(0.2, 0), (0, 0.5), (0.3, 1), (1, 0), (1, 1)]],
    3: [[(0, 0), (0, 0.8), (0.45, 0.4), (0.7, 1), (1, 0.5), (0.9, 0)]],
    4: [[(0, 0.1), (0.6, 0), (0.6, 1)], [(0.1, 0.8), (1, 0.7)]],
    5: [[(0, 1), (0, 0.1), (0.4, 0), (0.6, 1), (1, 0.6), (1, 0)]],
    6: [[(0, 0.8), (0.5, 0), (1, 0.3), (0.8, 1), (0.5, 0.6), (0.7, 0)]],
    7: [[(0, 0), (0.05, 1), (1, 0.3)]],
    8: [[(0.5, 0.5), (0.2, 1), (0, 0.5), (0.2, 0), (0.8, 1), (1, 0.5), (0.8, 0), (0.5, 0.5)]],
    9: [[(0.4, 1), (0.5, 0.2), (0.1, 0), (0, 0.8), (0.4, 1), (1, 0.7)]],
}


def draw_glyph(digit: int, variant: int, size: int = 28) -> NDArray[np.uint8]:
    """Draw a digit: soft strokes of a round pen, all a little different."""
    shape = np.random.default_rng([digit, variant])
    height, width = size * shape.uniform([0.55, 0.3], [0.72, 0.6])
    pen = size * shape.uniform(0.04, 0.07)
    corner = (size - np.array([height, width])) / 2 + shape.uniform(-1, 1, 2)
    pixels = np.stack(np.mgrid[:size, :size], axis=-1).astype(float)
    distance = np.full((size, size), np.inf)
    for line in STROKES[digit]:
        points = corner + np.array(line) * [height, width]
        for begin, end in pairwise(points):
            along = ((pixels - begin) @ (end - begin)) / ((end - begin) @ (end - begin))
            nearest = begin + along.clip(0, 1)[..., None] * (end - begin)
            distance = np.minimum(distance, np.linalg.norm(pixels - nearest, axis=-1))
    return ((pen + 0.5 - distance).clip(0, 1) * 255).astype(np.uint8)


def find_extent(ink: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return top, left, bottom, right of the true pixels of one (H, W) mask, half-open."""
    rows, columns = np.nonzero(ink)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def make_bank(images: NDArray[np.uint8], digits: NDArray[np.uint8]) -> GlyphBank:
    """Make a bank of images, any of which may be in any split."""
    return GlyphBank(
        images=images,
        digits=digits,
        parts=np.zeros(len(images), np.uint8),
        ink=np.array([find_extent(image > 0) for image in images], np.int16),
        digest=hashlib.sha256(images.tobytes() + digits.tobytes()).hexdigest(),
    )


def draw_bank(size: int = 28, n_per_digit: int = N_PER_DIGIT) -> GlyphBank:
    """Draw a bank of the ten digits, shuffled."""
    digits = np.random.default_rng(0).permutation(np.repeat(np.arange(10), n_per_digit))
    images = [draw_glyph(int(digit), variant, size) for variant, digit in enumerate(digits)]
    return make_bank(np.stack(images), digits.astype(np.uint8))


def make_pool(bank: GlyphBank) -> GlyphPool:
    """Make a pool of all glyphs of a bank."""
    order = np.argsort(bank.digits, kind="stable").astype(np.int32)
    return GlyphPool(order, np.searchsorted(bank.digits[order], np.arange(52)).astype(np.int64))


def sift(cases: Iterable[tuple[Any, ...]], share: int) -> list[Any]:
    """Mark all cases of a test as slow but for one in `share` of them, in turn."""
    return [
        pytest.param(*case, marks=[pytest.mark.slow] if place % share else [])
        for place, case in enumerate(cases)
    ]


# -- fixtures --------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _no_width() -> None:
    """Let messages not be folded, whoever has said how wide they are."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test a cache folder of its own."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def bank() -> GlyphBank:
    """Return 12 drawn glyphs of each digit, 28 x 28."""
    return draw_bank()


@pytest.fixture(scope="session")
def tiny_source(bank: GlyphBank, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return a block `source` whose files hold the bank."""
    folder = tmp_path_factory.mktemp("tiny_source")
    for name, array in (("images", bank.images), ("labels", bank.digits)):
        header = np.array([0x800 + array.ndim, *array.shape], ">u4").tobytes()
        (folder / name).write_bytes(header + array.tobytes())
    paths = {name: str(folder / name) for name in ("images", "labels")}
    return {"name": "idx", **paths, "val_fraction": 0.25, "test_fraction": 0.25}


@pytest.fixture(scope="session")
def pools(bank: GlyphBank, tiny_source: dict[str, Any]) -> dict[SplitName, GlyphPool]:
    """Return the bank shared out: 6, 3 and 3 glyphs of each digit to train, val and test."""
    return partition_glyphs(bank, IdxSettings.model_validate(tiny_source))


@pytest.fixture(scope="session")
def tiny_config(tiny_source: dict[str, Any]) -> Callable[..., Config]:
    """Return a function that makes a config of few samples, with any keys replaced.

    A block given as a keyword is laid over the block of the tiny config, key by key; `splits` and
    `source` replace it whole. ``tiny_config(seed=3, line={"spacing": [0, 0]})``
    """
    tree: dict[str, Any] = {
        "seed": 1,
        "source": tiny_source,
        "splits": {
            "train": {"numbers": {"values": ["007", "42", "7"]}, "samples_per_number": 4},
            "test": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": 5},
        },
        "canvas": {"height": 28, "width": 160},
        "glyph": {},
        "line": {"spacing": [2, 6]},
        "output": {"shard_samples": 5},
    }

    def make(**blocks: Any) -> Config:
        replaced = {
            key: {**tree.get(key, {}), **value}
            if isinstance(value, Mapping) and key not in ("splits", "source")
            else value
            for key, value in blocks.items()
        }
        return parse_config(make_legible(tree | replaced), "tiny")

    return make


@pytest.fixture
def mnist_folder() -> Path:
    """Return the folder of the full MNIST, ../shared/mnist; skip where there is none."""
    if not (MNIST_FOLDER / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"needs the files of the full MNIST in {MNIST_FOLDER}")
    return MNIST_FOLDER


def build_once(
    make_config: Callable[..., Config], factory: pytest.TempPathFactory, **blocks: Any
) -> Callable[..., Path]:
    """Return a function that gives a dataset of some transforms, built once, to read only.

    Its arguments are the keys of the block `output`.
    """
    from builds import build

    folders: dict[tuple[tuple[str, Any], ...], Path] = {}

    def give(**output: Any) -> Path:
        key = tuple(sorted(output.items()))
        if key not in folders:
            folder = factory.mktemp("built")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DIGIT_SEQUENCE_CACHE", str(folder / "cache"))
                build(make_config(**blocks, output=output), folder / "out")
            folders[key] = folder / "out"
        return folders[key]

    return give


@pytest.fixture(scope="session")
def built(
    tiny_config: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Return a function that gives a dataset with every transform, built once, to read only.

    Its arguments are the keys of the block `output`: ``built(container="parquet")``
    """
    from builds import ALL_TRANSFORMS

    return build_once(tiny_config, tmp_path_factory, **ALL_TRANSFORMS)


@pytest.fixture(scope="session")
def built_of_few(
    tiny_config: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """As `built`, with few transforms."""
    from builds import FEW_TRANSFORMS

    return build_once(tiny_config, tmp_path_factory, **FEW_TRANSFORMS)


@pytest.fixture(scope="session")
def plain(tiny_config: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with hardly a transform, to read only."""
    from builds import build

    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(folder / "cache"))
        build(tiny_config(), folder / "out")
    return folder / "out"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder for tests that read real digits, which takes a second once."""
    return tmp_path_factory.mktemp("shared_cache")


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run an object store for all tests that need one."""
    from servers import open_store

    with open_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Start programs quickly, by forks of a process that has imported everything."""
    from builds import Forks

    forks = Forks(tmp_path_factory.mktemp("forks"))
    yield forks
    forks.stop()


@pytest.fixture(scope="module")
def run_at(
    forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., CompletedProcess[str]]]:
    """Return a function that runs the command line where the packages of a site are installed.

    ``run_at(site, "build", "c.yaml")``; the site is a folder, or None.
    """
    from builds import Forks

    at: dict[Path | None, Forks] = {None: forks}

    def run(site: Path | None, *arguments: object) -> CompletedProcess[str]:
        if site not in at:
            at[site] = Forks(tmp_path_factory.mktemp("forks"), site)
        return at[site].run(*arguments)

    yield run
    for others in [*at.values()][1:]:
        others.stop()
