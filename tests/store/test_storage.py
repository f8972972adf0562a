"""Storage: whole files or none, under real faults."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import subprocess
import time

import pytest

from builds import start_python
from digit_sequence.base.errors import OutputError
from digit_sequence.store.storage import Storage


@pytest.fixture
def storage(tmp_path):
    """Return a storage in a folder that is not there yet."""
    return Storage(str(tmp_path / "out"))


def list_files(folder):
    """Return the paths of all files below a folder, temporary ones included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


# -- reading and writing --------------------------------------------------------------------------


def test_write_read_size_list_delete(storage, tmp_path):
    """A file is there after it was written, and is gone after it was deleted."""
    assert storage.list() == storage.list("images") == {}
    storage.write("images/train/a.tar", b"12345")
    storage.write("labels/a.parquet", b"1")
    assert (tmp_path / "out/images/train/a.tar").read_bytes() == b"12345"
    assert storage.read("images/train/a.tar") == b"12345"
    with storage.open("images/train/a.tar") as file:
        assert file.read_at(2, 3) == b"45"
    assert storage.size("images/train/a.tar") == 5
    assert storage.list() == {"images/train/a.tar": 5, "labels/a.parquet": 1}
    assert storage.list("images") == {"images/train/a.tar": 5}
    storage.delete("images/train/a.tar")
    assert storage.list() == {"labels/a.parquet": 1}
    assert storage.size("images/train/a.tar") is None


def test_write_replaces(storage):
    """A file that is written again has the new content alone."""
    storage.write("a", b"long content")
    storage.write("a", b"short")
    assert storage.read("a") == b"short"


def test_no_file(storage):
    """A file that is not there has no size, cannot be read, and may be deleted."""
    assert storage.size("a") is None
    storage.delete("a")
    for read in (storage.read, storage.open):
        with pytest.raises(FileNotFoundError):
            read("a")


def test_temporary_files_are_gone(storage, tmp_path):
    """After a write only its file is there."""
    storage.write("a/b.txt", b"1")
    assert list_files(tmp_path / "out") == [".build", "a/b.txt"]


@pytest.mark.parametrize("uri", ["{}/out", "{}/out/", "{}/x/../out", "file://{}/out", "out"])
def test_ways_to_name_a_folder(tmp_path, monkeypatch, uri):
    """A path, with a slash or .. in it, a file URI and a relative path name the same folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    storage = Storage(uri.format(tmp_path))
    storage.write("a/b.txt", b"1")
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"1"
    assert storage.list() == {"a/b.txt": 1}


def test_folder_stays_when_the_process_moves(tmp_path, monkeypatch):
    """A relative path means the folder that it meant when the storage was opened."""
    monkeypatch.chdir(tmp_path)
    storage = Storage("out")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    storage.write("a", b"1")
    assert (tmp_path / "out/a").is_file()
    assert Storage(storage.uri).list() == {"a": 1}


OUTSIDE = ["..", "../a", "a/../../b", "a/..", "/etc/passwd", "//a", "a\0b", "", "."]


@pytest.mark.parametrize("path", OUTSIDE)
def test_names_that_lead_out_are_refused(storage, tmp_path, path):
    """No name leads out of the folder, to read, to write or to delete."""
    for use in (
        storage.read,
        storage.open,
        storage.size,
        storage.delete,
        lambda name: storage.write(name, b"1"),
    ):
        with pytest.raises(ValueError, match="path inside the dataset"):
            use(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["bogus://a/b", "http://a/b"])
def test_unknown_kind_of_storage(uri):
    """A URI that no file system has is an error that names it."""
    with pytest.raises(OutputError, match=rf"^{uri}: "):
        Storage(uri)


# -- faults ---------------------------------------------------------------------------------------

WRITE_IN_TURNS = """
import itertools, sys
from digit_sequence.store.storage import Storage
storage = Storage(sys.argv[1])
print("ready", flush=True)
for content in itertools.cycle([b"a", b"b"]):
    storage.write("images/shard.tar", content * int(sys.argv[2]))
"""
N_BYTES = 8_000_000


def test_readers_and_kills_see_whole_files(tmp_path):
    """While a file is written again and again, and when the writer is killed, it is whole."""
    target = tmp_path / "images/shard.tar"
    whole = [b"a" * N_BYTES, b"b" * N_BYTES]
    seen = set()
    for _ in range(4):
        process = start_python("-c", WRITE_IN_TURNS, tmp_path, N_BYTES, stdout=subprocess.PIPE)
        try:
            process.stdout.readline()
            end = time.monotonic() + random.uniform(0, 0.3)
            while time.monotonic() < end:
                with contextlib.suppress(FileNotFoundError):
                    content = target.read_bytes()
                    assert content in whole
                    seen.add(content[:1])
        finally:
            process.kill()  # SIGKILL
            process.communicate()
        if target.exists():
            assert target.read_bytes() in whole
        folders = {path.parent for path in tmp_path.rglob("*") if path.is_file()}
        assert folders <= {target.parent, tmp_path / ".build/tmp"}
    assert seen


WRITE_TOO_MUCH = """
import resource, sys
from digit_sequence.base.errors import OutputError
from digit_sequence.store.storage import Storage
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    Storage(sys.argv[1]).write("images/shard.tar", bytes(4097))
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES])
def test_barred_output(tmp_path, monkeypatch, reason):
    """A read-only mount has room enough: the message says to choose another output."""

    def refuse(*_):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(Storage, "_write_local", refuse)
    with pytest.raises(OutputError, match="are kept: choose another output, one that can be writ"):
        Storage(str(tmp_path)).write("images/shard.tar", b"new")


def test_full_disk(tmp_path):
    """A write that the system cuts short is an error with what to do, and leaves nothing."""
    storage = Storage(str(tmp_path))
    storage.write("images/shard.tar", b"old")
    process = start_python("-c", WRITE_TOO_MUCH, tmp_path, stdout=subprocess.PIPE, text=True)
    message, _ = process.communicate(timeout=60)
    assert message.startswith(f"{tmp_path}: images/shard.tar: 4,097 bytes cannot be written: ")
    assert "make room or choose another output, and run the same command again" in message
    assert storage.read("images/shard.tar") == b"old"
    assert list_files(tmp_path) == [".build", "images/shard.tar"]


@pytest.mark.parametrize("below", ["file", "file/out"])
def test_path_below_a_file(tmp_path, below):
    """A folder that cannot be made is an error, whatever is done first."""
    (tmp_path / "file").write_bytes(b"mine")
    storage = Storage(str(tmp_path / below))
    for use in (
        lambda: storage.read("a"),
        lambda: storage.open("a"),
        lambda: storage.write("a", b"1"),
    ):
        with pytest.raises(OutputError, match=rf"^{tmp_path / below}: a: .*[Nn]ot a directory"):
            use()
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_list_of_a_file(tmp_path):
    """A regular file in place of the folder is an error that says so."""
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"file: the directory: .*Not a directory"):
        Storage(str(tmp_path / "file")).list()


def test_folder_in_place_of_a_file(storage, tmp_path):
    """A folder where a file should be is an error, and leaves no temporary file."""
    (tmp_path / "out/a").mkdir(parents=True)
    with pytest.raises(OutputError, match="a: 1 bytes cannot be written: Is a directory"):
        storage.write("a", b"1")
    assert list_files(tmp_path / "out") == [".build"]
    with pytest.raises(OutputError, match="a: cannot be removed: "):
        storage.delete("a")
