"""A cache of shards on a disk: the same samples, no request twice, sound whatever happens."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builds import start_python
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.read.dataset import open_dataset
from servers import open_proxy

CONTAINERS = ("webdataset", "parquet", "files")


@pytest.fixture
def place(built_of_few, tmp_path):
    """Return a dataset that can be taken away, and a folder for its cache."""

    def copy(container="webdataset"):
        return Path(shutil.copytree(built_of_few(container=container), tmp_path / "dataset"))

    return copy, tmp_path / "cache"


def read_all(dataset):
    """Return the pixels and rows of all samples."""
    return [
        (sample.image.tobytes(), dict(sample.label))
        for split in dataset.values()
        for sample in split
    ]


def list_shards(cache):
    """Return the bytes of each file that a cache holds."""
    return {path.name: path.stat().st_size for path in (cache / "shards").iterdir()}


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_is_read_again_comes_from_the_cache(place, container):
    """All samples are read anew, by others, when the dataset has gone but for its manifest."""
    copy, cache = place
    folder = copy(container)
    expected = read_all(open_dataset(folder))
    assert read_all(open_dataset(folder, cache=cache)) == expected
    names = {f"{split}-0000{i}" for split, n in (("train", 3), ("test", 1)) for i in range(n)}
    assert list_shards(cache).keys() == names | {f"{name}.parquet" for name in names}
    for name in ("images", "labels"):
        shutil.rmtree(folder / name)
    again = open_dataset(folder, cache=cache)
    assert read_all(again) == expected
    batch = again["train"].read_batch([11, 0, 7])
    np.testing.assert_array_equal(batch.images[1], again["train"][0].image)
    assert again["train"].where(digit=4).ordinals.tolist() == [1, 4, 7, 10]


def test_least_lately_used_make_room(place):
    """The bound is never exceeded; what was read longest ago goes first; all can be read."""
    copy, cache = place
    folder = copy()
    expected = read_all(open_dataset(folder))
    read_all(open_dataset(folder, cache=cache))
    sizes = list_shards(cache)
    shutil.rmtree(cache)
    limit = sum(size for name, size in sizes.items() if name.startswith("train"))
    train = open_dataset(folder, cache=cache, cache_bytes=limit)["train"]
    train.labels()
    for ordinal in (0, 5, 10):
        assert train[ordinal].label["ordinal"] == ordinal
    assert sum(list_shards(cache).values()) == limit
    again = open_dataset(folder, cache=cache, cache_bytes=limit)
    _ = again["train"][0], again["train"][10]  # shard 1 was read longest ago
    os.utime(cache / "shards/train-00001", ns=(0, 0))
    _ = again["test"][0]
    left = list_shards(cache)
    assert "train-00001" not in left
    assert {"train-00000", "test-00000"} <= left.keys()
    assert sum(left.values()) <= limit
    assert read_all(open_dataset(folder, cache=cache, cache_bytes=limit)) == expected
    assert sum(list_shards(cache).values()) <= limit


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damage_in_the_cache_is_mended(place, damage):
    """A file of the cache that is not what was built is fetched again."""
    copy, cache = place
    folder = copy()
    expected = read_all(open_dataset(folder, cache=cache))
    sizes = list_shards(cache)
    for path in (cache / "shards").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes({"flip": content, "cut": content[:-9], "empty": b""}[damage])
    assert read_all(open_dataset(folder, cache=cache)) == expected
    assert list_shards(cache) == sizes
    shutil.rmtree(folder / "images")
    assert read_all(open_dataset(folder, cache=cache)) == expected


DAMAGED = ("images/train/train-00001.tar", "labels/train/train-00001.parquet")


@pytest.mark.parametrize("path", DAMAGED)
def test_damage_of_the_dataset_is_not_kept(place, path):
    """A file that is damaged where the dataset is gets its message, and no place."""
    copy, cache = place
    file = copy() / path
    content = bytearray(file.read_bytes())
    content[60] ^= 1
    file.write_bytes(content)
    train = open_dataset(file.parents[2], cache=cache)["train"]
    with pytest.raises(OutputError, match=r"train-00001.* not those of the build; .*--repair"):
        train.read_batch([7])
    assert file.name.removesuffix(".tar") not in list_shards(cache)


def test_missing_shards_are_named(place):
    """What is neither there nor in the cache is said as without one."""
    copy, cache = place
    folder = copy("files")
    shutil.rmtree(folder / "images/train")
    train = open_dataset(folder, cache=cache)["train"]
    with pytest.raises(OutputError, match=r"row 2 of shard train-00001: .*no such file"):
        train[7]


WRITER = """
import os, sys
from digit_sequence.base import files
from digit_sequence.read.dataset import open_dataset

folder, cache = sys.argv[1:]
replace = files.Folder.replace

def die(*arguments):
    if "train-00000" in str(arguments[1:]) and "parquet" not in str(arguments[1:]):
        os.kill(os.getpid(), 9)
    replace(*arguments)

files.Folder.replace = die
open_dataset(folder, cache=cache)["train"][0]
"""


def test_killed_in_mid_write(place):
    """A process that is killed before its file has its name leaves none, and holds up nobody."""
    copy, cache = place
    folder = copy()
    process = start_python("-c", WRITER, folder, cache)
    assert process.wait(60) == -9
    assert list((cache / "tmp").iterdir())
    assert "train-00000" not in list_shards(cache)
    dataset = open_dataset(folder, cache=cache)
    assert not list((cache / "tmp").iterdir())
    assert read_all(dataset) == read_all(open_dataset(folder))


def _read_some(folder, cache, limit, seed):
    train = open_dataset(folder, cache=cache, cache_bytes=limit)["train"]
    order = np.random.default_rng(seed).permutation(np.arange(48) % 12)
    return [(ordinal, int(train[ordinal].image.sum())) for ordinal in order.tolist()]


@pytest.mark.parametrize("limit", [None, 60_000])
def test_processes_share_a_cache(place, limit):
    """Processes that begin at once read what is there, with room for all shards or for few."""
    copy, cache = place
    folder = copy()
    sums = dict(enumerate(int(sample.image.sum()) for sample in open_dataset(folder)["train"]))
    with multiprocessing.get_context("forkserver").Pool(3) as pool:
        found = pool.starmap(_read_some, [(folder, cache, limit, seed) for seed in range(3)])
    assert all(sums[ordinal] == total for part in found for ordinal, total in part)
    assert limit is None or sum(list_shards(cache).values()) <= limit


# -- refusals --------------------------------------------------------------------------------------


def test_folders_that_are_no_cache_are_refused(place, tmp_path):
    """A folder that holds anything else, or is none, is left as it is."""
    copy, cache = place
    folder = copy()
    with pytest.raises(OutputError, match=r"expected an empty folder, or a cache .* holds \.build"):
        open_dataset(folder, cache=folder)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/cache"):
        with pytest.raises(OutputError, match=r"file.*: the cache cannot be written: .*; choose"):
            open_dataset(folder, cache=path)
    cache.mkdir()
    (cache / "cache.json").write_text("{}")
    with pytest.raises(
        OutputError, match=r"cache\.json: expected what a cache says of its dataset"
    ):
        open_dataset(folder, cache=cache)


def test_the_cache_of_another_dataset_is_refused(place, built):
    """A cache says of which dataset it is; that of one that was built anew does not fit."""
    copy, cache = place
    folder = copy()
    _ = open_dataset(folder, cache=cache)["train"][0]
    with pytest.raises(OutputError, match=r"expected the cache of .* as it is now, .* got that of"):
        open_dataset(built(container="parquet"), cache=cache)
    manifest = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(manifest | {"digest": "f" * 64}))
    with pytest.raises(OutputError, match=r"dataset ffff.*; remove the folder, or choose"):
        open_dataset(folder, cache=cache)


def test_bounds_that_cannot_be_are_refused(place):
    """A bound below one shard, or without a folder, says what is needed."""
    copy, cache = place
    folder = copy()
    with pytest.raises(ConfigError, match="cache_bytes: expected a folder, cache, as well, got 9"):
        open_dataset(folder, cache_bytes=9)
    with pytest.raises(ConfigError, match="cache_bytes: expected at least 1, got 0"):
        open_dataset(folder, cache=cache, cache_bytes=0)
    with pytest.raises(
        ConfigError, match=r"cache_bytes: expected at least [0-9,]+ bytes, those of train-00000\.p"
    ):
        _ = open_dataset(folder, cache=cache, cache_bytes=9)["train"][0]


FULL = """
import resource, signal, sys
from digit_sequence.base.errors import OutputError
from digit_sequence.read.dataset import open_dataset

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
dataset = open_dataset(sys.argv[1], cache=sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))
try:
    dataset["train"][0]
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
def test_a_full_disk_says_what_to_do(place):
    """Where there is no room the message names the folder and the remedies; nothing is left."""
    copy, cache = place
    process = start_python("-c", FULL, copy(), cache, stdout=subprocess.PIPE, text=True)
    stdout, _ = process.communicate(timeout=60)
    assert f"{cache}: the cache cannot be written: File too large; choose another folder" in stdout
    assert list_shards(cache) == {}
    assert list((cache / "tmp").iterdir()) == []


# -- an object store -------------------------------------------------------------------------------


def test_the_second_epoch_makes_no_request(store, remote, tmp_path):
    """Of a real store each file is asked for once, by whatever process; then of none."""
    uri, local = remote("webdataset")
    with open_proxy(store.endpoint, lambda *_: None) as proxy:
        uri = f"{uri}?endpoint_override={proxy.endpoint}&scheme=http"
        dataset = open_dataset(uri, cache=tmp_path / "cache")
        expected = read_all(local)
        assert read_all(dataset) == expected
        assert proxy.requests
        begin = len(proxy.requests)
        assert read_all(dataset) == expected
        order = np.random.default_rng(0).permutation(12)
        batches = list(dataset["train"].read_batches(order, 5))
        assert sum(len(batch.images) for batch in batches) == 12
        assert len(proxy.requests) == begin
        again = open_dataset(uri, cache=tmp_path / "cache")
        begin = len(proxy.requests)
        assert read_all(again) == expected
        assert len(proxy.requests) == begin
