"""Who wrote the glyphs of a source: files that say so, and splits that share no writer."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from conftest import make_bank
from digit_sequence.base.errors import ConfigError, SourceError
from digit_sequence.config.loading import parse_config
from digit_sequence.sources import mnist, mnist_5k
from digit_sequence.sources.bank import pack_bank, parse_bank
from digit_sequence.sources.bank_cache import find_bank, load_bank, open_bank
from digit_sequence.sources.folder import FolderSettings
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.mnist import MnistFile, MnistSettings
from digit_sequence.sources.mnist_5k import Mnist5kSettings, find_rows
from digit_sequence.sources.pools import check_disjoint, check_writers, partition_glyphs
from digit_sequence.sources.registry import open_source, read_source
from digit_sequence.sources.writers import read_rows, read_table
from glyph_files import encode_idx, make_glyphs

SHARED = Path(__file__).resolve().parents[2] / "../shared"
needs_qmnist = pytest.mark.skipif(
    not (SHARED / "qmnist/qmnist-train-labels.tsv.gz").is_file(),
    reason="needs the label files of QMNIST in ../shared/qmnist",
)


def write(path, *lines):
    """Write a text file."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


# -- files of writers ------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_rows(tmp_path, compress):
    """A line for each glyph, plain or gzipped."""
    (tmp_path / "ids").write_bytes(compress(b"3\n0\r\n 2147483647 \n"))
    writers = read_rows(tmp_path / "ids", 3)
    assert writers.dtype == np.int32
    assert writers.tolist() == [3, 0, 2147483647]


BAD_ROWS = {
    "too few": ([1, 2], "expected 3 lines, the writer of each glyph in its order, got 2; see so"),
    "too many": ([1, 2, 3, 4], "expected 3 lines, .* got 4"),
    "a name": ([1, "anna", 3], r"line 2: expected the number of a writer, 0 to .* got 'anna'; num"),
    "below 0": ([1, 2, -1], "line 3: expected the number of a writer, .* got '-1'"),
    "too large": ([1, 2, 2**31], "line 3: expected .* got '2147483648'"),
    "huge": (["9" * 5000, 2, 3], "line 1: expected"),
    "a gap": ([1, "", 3], "line 2: expected .* got ''"),
}


@pytest.mark.parametrize(("lines", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_rows(tmp_path, lines, message):
    """What is no list of writers is an error that names the file, the line and what to do."""
    with pytest.raises(SourceError, match=f"ids: {message}"):
        read_rows(write(tmp_path / "ids", *lines), 3)


def test_not_text(tmp_path):
    """Bytes that are no text are an error that names the first."""
    (tmp_path / "ids").write_bytes(b"1\n\xff\n")
    with pytest.raises(SourceError, match="ids: expected UTF-8 text, got byte 2"):
        read_rows(tmp_path / "ids", 2)


@pytest.mark.parametrize("head", [[], ["file,writer"]])
def test_table(tmp_path, head):
    """Lines in any order name the files, after a head or none."""
    table = write(tmp_path / "t.csv", *head, "7/b.png,5", '"0/a,1.png",4', "", "7/a.png, 5 ")
    assert read_table(table, ["0/a,1.png", "7/a.png", "7/b.png"]).tolist() == [4, 5, 5]


BAD_TABLES = {
    "unknown file": (["0/a,1", "7/c,1"], "line 2: expected an image file .* got '7/c'; leave"),
    "named twice": (["0/a,1", "0/a,1"], "line 2: expected an image file .* each once"),
    "not named": (["0/a,1"], "expected a line for each of 2 image files, got none for '7/b' and 0"),
    "no writer": (["0/a", "7/b,1"], "line 1: expected file,writer, got '0/a'"),
    "a name": (["0/a,anna", "7/b,1"], "line 1: expected the number of a writer, .* got 'anna'"),
    "empty": ([], "expected a line for each of 2 image files, got none for '0/a' and 1 others"),
}


@pytest.mark.parametrize(("lines", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables(tmp_path, lines, message):
    """What does not say who wrote each file is an error with the file and the line."""
    with pytest.raises(SourceError, match=f"t.csv: {message}"):
        read_table(write(tmp_path / "t.csv", *lines), ["0/a", "7/b"])


# -- sources ---------------------------------------------------------------------------------------


@pytest.fixture
def idx(tmp_path):
    """Write 12 glyphs and their writers; return them as a source."""
    images, digits = make_glyphs(12)
    (tmp_path / "images").write_bytes(encode_idx(images))
    (tmp_path / "labels").write_bytes(encode_idx(digits))
    write(tmp_path / "writers", *range(12))
    names = ("images", "labels", "writers")
    paths = {name: str(tmp_path / name) for name in names}
    return IdxSettings(name="idx", **paths)


@pytest.mark.filterwarnings("ignore::digit_sequence.base.errors.SourceWarning")
def test_idx(idx, tmp_path):
    """Each row has the writer of its line; a file that changes is another source."""
    assert read_source(idx).writers.tolist() == list(range(12))
    first = load_bank(idx)
    assert_array_equal(first.writers, range(12))
    write(tmp_path / "writers", *range(100, 112))
    assert load_bank(idx).writers.tolist() == list(range(100, 112))
    assert load_bank(idx).digest != first.digest
    without = load_bank(idx.model_copy(update={"writers": None}))
    assert without.writers is None
    assert without.digest != first.digest
    (tmp_path / "writers").unlink()
    with pytest.raises(
        SourceError, match=r"writers: expected a text file, got none; .*source\.writers"
    ):
        read_source(idx)


def test_folder(tmp_path):
    """Each file has the writer of its line, wherever the table lies."""
    for name in ("7/b.png", "0/a.png", "7/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        iio.imwrite(tmp_path / name, np.eye(28, dtype=np.uint8) * 255)
    table = write(tmp_path / "7/w.csv", "file,writer", "7/b.png,2", "7/a.png,1", "0/a.png,0")
    source = FolderSettings(name="folder", path=str(tmp_path), writers=str(table))
    glyphs = read_source(source)
    assert (glyphs.digits.tolist(), glyphs.writers.tolist()) == ([0, 7, 7], [0, 1, 2])
    table.unlink()
    with pytest.raises(SourceError, match=r"w.csv: expected a CSV file, got none; .*source\.wri"):
        read_source(source)


@pytest.mark.filterwarnings("ignore::digit_sequence.base.errors.SourceWarning")
def test_banks_travel_with_their_writers(idx, tmp_path, monkeypatch):
    """A bank that is packed and opened elsewhere has the same writers; a changed one is refused."""
    bank = load_bank(idx)
    packed = pack_bank(bank)
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "other"))
    opened = open_bank(lambda: parse_bank(packed, bank.digest), bank.digest)
    assert_array_equal(opened.writers, bank.writers)
    assert not opened.writers.flags.writeable
    changed = pack_bank(replace(bank, writers=bank.writers[::-1]))
    with pytest.raises(SourceError, match="expected the digest"):
        parse_bank(changed, bank.digest)
    path = tmp_path / "other/banks" / bank.digest / "writers.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(SourceError, match=r"writers.npy: expected sha256"):
        find_bank(bank.digest)


def encode_qmnist(digits, writers):
    """Return a label file of QMNIST: class, series, writer and five numbers more."""
    rows = zip(digits.tolist(), writers, strict=True)
    return "".join(f"{digit}\t0\t{writer}\t0\t0\t0\t0\t0\n" for digit, writer in rows).encode()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Write the files of a small MNIST; return a function that says which writers they have."""
    parts = make_glyphs(20, seed=1), make_glyphs(10, seed=2)
    arrays = [array for part in parts for array in part]
    contents = {}
    for file, array in zip(mnist.MNIST_FILES, arrays, strict=True):
        contents[file.name] = encode_idx(array)
        (tmp_path / "mnist").mkdir(exist_ok=True)
        (tmp_path / "mnist" / file.name).write_bytes(contents[file.name])

    def describe(names, contents):
        return tuple(
            MnistFile(file.name, len(content), hashlib.sha256(content).hexdigest())
            for file, content in zip(names, contents, strict=True)
        )

    monkeypatch.setattr(mnist, "MNIST_FILES", describe(mnist.MNIST_FILES, contents.values()))

    def know(train, test, digits=None, suffix=".gz", folder="mnist"):
        # The file for test has more rows than t10k, as the original.
        more = np.r_[parts[1][1], 3, 1, 4]
        texts = [
            encode_qmnist(parts[0][1] if digits is None else digits, train),
            encode_qmnist(more, [*test, 900, 901, 902]),
        ]
        files = describe(mnist.QMNIST_FILES, texts)
        monkeypatch.setattr(mnist, "QMNIST_FILES", files)
        monkeypatch.setattr(mnist, "QMNIST_MIRRORS", ("http://127.0.0.1:1/",))
        (tmp_path / folder).mkdir(exist_ok=True)
        for file, text in zip(files, texts, strict=True):
            content = gzip.compress(text) if suffix else text
            (tmp_path / folder / f"{file.name}{suffix}").write_bytes(content)
        return MnistSettings(name="mnist", path=str(tmp_path / "mnist"), writers=True)

    return know


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("folder", ["mnist", "mnist/qmnist", "qmnist"])
def test_mnist(small, suffix, folder):
    """The label files of QMNIST are found in the folder of MNIST, or in one in or beside it."""
    source = small(range(20), range(50, 60), suffix=suffix, folder=folder)
    assert read_source(source).writers.tolist() == [*range(20), *range(50, 60)]


def test_mnist_of_others(small):
    """Writers of other digits, in another order, are refused; so are files that are damaged."""
    with pytest.raises(SourceError, match=r"source\.writers: expected the digits of the glyphs"):
        read_source(small(range(20), range(10), digits=np.zeros(20, int)))
    source = small(range(20), range(10), suffix="")
    path = Path(source.path, "qmnist-test-labels.tsv")
    path.write_bytes(path.read_bytes().replace(b"\t0\n", b"\t1\n", 1))
    with pytest.raises(SourceError, match=r"qmnist-test-labels\.tsv: expected sha256 .* delete it"):
        read_source(source)
    for name in (path.name, f"{path.name}.gz"):
        path.with_name(name).unlink()
    with pytest.raises(
        SourceError, match=r"expected qmnist-test-labels\.tsv\.gz, .*(?s:.*)Put qmn"
    ):
        read_source(source)


@needs_qmnist
def test_real_mnist():
    """539 writers wrote train, 297 others t10k."""
    source = MnistSettings(name="mnist", path=str(SHARED / "mnist"), writers=True)
    glyphs = read_source(source)
    train, test = (set(glyphs.writers[glyphs.parts == part].tolist()) for part in (0, 1))
    assert (len(train), len(test), train & test) == (539, 297, set())


@needs_qmnist
def test_real_mnist_5k(monkeypatch):
    """Each glyph of mnist-5k is the very glyph of train whose writer it gets."""
    places = (SHARED / "qmnist", SHARED / "mnist")
    monkeypatch.setattr(
        mnist_5k, "find_qmnist", lambda _, files: mnist.find_qmnist(places[0], files)
    )
    small = read_source(Mnist5kSettings(name="mnist-5k", writers=True))
    whole = read_source(MnistSettings(name="mnist", path=str(places[1]), writers=True))
    rows = find_rows(whole.digits[:60_000].astype(np.int64))
    assert_array_equal(whole.images[rows], small.images)
    assert_array_equal(whole.writers[rows], small.writers)
    assert len(np.unique(small.writers)) == 278


@pytest.mark.parametrize(
    "settings", [MnistSettings(name="mnist"), Mnist5kSettings(name="mnist-5k")]
)
def test_credits(settings):
    """A card names those who told the writers, where it is they who did."""
    known = settings.model_copy(update={"writers": True})
    assert "QMNIST" not in str(open_source(settings).list_credits())
    assert ["MNIST" in it for it in open_source(known).list_credits()] == [True, True]
    assert "QMNIST" in open_source(known).list_credits()[1]


def test_mnist_5k_rows():
    """The first 500 of each digit, in their order; the test needs no files."""
    digits = np.random.default_rng(0).integers(0, 10, 9000)
    rows = find_rows(digits)
    assert digits[rows].tolist() == np.repeat(range(10), 500).tolist()
    for digit in range(10):
        own = rows[digit * 500 : digit * 500 + 500]
        assert (np.diff(own) > 0).all()
        assert (digits[: own[-1] + 1] == digit).sum() == 500


# -- splits ----------------------------------------------------------------------------------------


def make_source(val, test=0.0):
    """Make a source of which only the fractions matter."""
    return IdxSettings(
        name="idx",
        images="",
        labels="",
        writers="ids",
        split_by="writer",
        val_fraction=val,
        test_fraction=test,
    )


def make_written(digits, writers, parts=None):
    """Make a bank of which only digits, writers and parts matter."""
    digits = np.asarray(digits, np.uint8)
    images = np.arange(1, len(digits) + 1).astype(">u4").view(np.uint8).reshape(-1, 2, 2)
    bank = make_bank(images, digits)
    parts = bank.parts if parts is None else np.asarray(parts, np.uint8)
    return replace(bank, writers=np.asarray(writers, np.int32), parts=parts)


@given(
    n_writers=st.integers(1, 40),
    fractions=st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: sum(pair) < 1),
    seed=st.integers(0, 99),
)
def test_no_writer_in_two_splits(n_writers, fractions, seed):
    """Each glyph is in one pool, and all of a writer's in the same; shares are of the writers."""
    digits = np.tile(np.arange(10), n_writers)
    writers = np.random.default_rng(seed).permutation(1000)[:n_writers].repeat(10)
    bank = make_written(digits, writers)
    pools = partition_glyphs(bank, make_source(*fractions))
    check_disjoint(pools)
    check_writers(pools)
    found = {split: set(bank.writers[pool.ids].tolist()) for split, pool in pools.items()}
    assert sum(map(len, found.values())) == n_writers
    assert sum(len(pool.ids) for pool in pools.values()) == len(digits)
    # Rounded, and of few writers one is left to each of the others.
    assert abs(len(found["val"]) - fractions[0] * n_writers) <= 2
    for pool in pools.values():
        for digit in range(10):
            own = pool.of_digit(digit)
            assert (bank.digits[own] == digit).all()
            assert (np.diff(own) > 0).all()


def test_writers_of_test_files():
    """Glyphs that only test may use are there with their writers; those must have no others."""
    bank = make_written([1, 1, 1, 1], [1, 2, 3, 4], [0, 0, 1, 1])
    pools = partition_glyphs(bank, make_source(0.5))
    assert set(pools["test"].ids.tolist()) == {2, 3}
    assert len(pools["val"].ids) == 1
    bank = make_written([1, 1, 1, 1], [1, 2, 3, 2], [0, 0, 1, 1])
    with pytest.raises(
        SourceError, match=r"expected glyphs for test of .* both of writer 2, one of"
    ):
        partition_glyphs(bank, make_source(0.5))


def test_split_that_leaves_a_digit_empty():
    """Writers of whom none wrote a 7 are no split of a source with sevens."""
    bank = make_written([7, *[1] * 10], [0, *range(10)])
    with pytest.raises(SourceError, match=r"digit in \w+, got none of 7 among its \d; change"):
        partition_glyphs(bank, make_source(0.1))


def test_unknown_writers():
    """Glyphs of nobody cannot be shared out by writer."""
    for writers in (None, np.array([3, -1], np.int32)):
        bank = replace(make_written([1, 1], [0, 0]), writers=writers)
        with pytest.raises(SourceError, match=r"source\.split_by: expected .* set source\.writers"):
            partition_glyphs(bank, make_source(0.5))


def test_writer_in_two_pools():
    """The check finds a writer of two splits, whatever has shared them out."""
    bank = make_written([1] * 8, [0, 0, 1, 1, 2, 2, 3, 3])
    by_glyph = make_source(0.5).model_copy(update={"split_by": "glyph"})
    pools = partition_glyphs(bank, by_glyph)
    with pytest.raises(
        SourceError, match=r"writer \d: expected in one split, got .* train and in val"
    ):
        check_writers(pools)


# -- what a config may ask for ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"hand": {"same": 1.5}}, "hand.same: expected .* got 1.5"),
        ({"hand": {"same": -0.1}}, "hand.same: expected .* got -0.1"),
        ({"hand": {"sane": 0.8}}, "hand.sane: unknown key; expected one of same"),
        ({"hand": {}}, "hand: expected a source that says who wrote .* set source.writers"),
        ({"source": {"split_by": "writer"}}, "source.split_by: expected a source that says who"),
        ({"source": {"split_by": "hand"}}, "source.split_by: expected"),
    ],
)
def test_bad_configs(blocks, message):
    """What cannot be had is refused when the config is read."""
    tree = {"splits": {"train": {"numbers": {"values": ["1"]}, "samples": 1}}} | blocks
    tree["source"] = {"name": "mnist-5k"} | blocks.get("source", {})
    with pytest.raises(ConfigError, match=message):
        parse_config(tree, "c.yaml")
