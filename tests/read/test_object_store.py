"""Reading from a real object store: the same samples, few requests, in any process."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from digit_sequence.base.errors import OutputError
from digit_sequence.read.dataset import open_dataset
from digit_sequence.read.split import Split
from digit_sequence.store.storage import RangeFile, Storage


def _sum_images(split: Split) -> list[int]:
    return [int(sample.image.sum()) for sample in split]


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_object_store_gives_the_same_samples(remote, container):
    """By ordinal, by key, in batches and filtered: what a local copy gives."""
    uri, local = remote(container)
    dataset = open_dataset(uri)
    for split in local:
        expected = local[split].read_batch(range(len(local[split])))
        batch = dataset[split].read_batch(range(len(local[split])))
        np.testing.assert_array_equal(batch.images, expected.images)
        assert batch.labels.equals(expected.labels)
    assert dataset.by_key("train-000000004").number == "42"
    assert list(dataset["train"].where(digit=4).ordinals) == [1, 4, 7, 10]


@pytest.fixture
def count_requests(monkeypatch):
    """Return a function that gives a list, which gets the bytes of each request for images."""

    def start():
        requests = []
        read_at = RangeFile.read_at

        def count(file, n_bytes, offset):
            requests.append(n_bytes)
            return read_at(file, n_bytes, offset)

        monkeypatch.setattr(RangeFile, "read_at", count)
        return requests

    return start


def test_neighbours_are_read_in_one_request(remote, count_requests):
    """A batch of one shard takes one request for its images, not one for each."""
    uri, _ = remote("webdataset")
    train = open_dataset(uri)["train"]
    train.read_labels(range(5), ["file", "offset", "size"])
    _ = train[0]  # the shard is open now
    requests = count_requests()
    assert len(train.read_batch(range(5)).images) == 5
    assert len(requests) == 1


def test_shuffled_samples_take_few_requests(remote, count_requests):
    """Samples from all over some shards take one request a shard, however small the batches."""
    uri, local = remote("webdataset")
    train = open_dataset(uri)["train"]
    requests = count_requests()
    order = np.random.default_rng(0).permutation(len(train))
    batches = list(train.read_batches(order, 2))
    assert len(requests) == -(-len(train) // train.dataset.shard_samples)
    expected = local["train"].read_batches(order, 2)
    for batch, known in zip(batches, expected, strict=True):
        assert batch.numbers == known.numbers
        np.testing.assert_array_equal(batch.images, known.images)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["spawn", "fork"])  # a fork server keeps its environment
def test_processes_read_from_the_object_store(remote, method):
    """Other processes, forked ones too, make connections of their own."""
    uri, local = remote("webdataset")
    train = open_dataset(uri)["train"]
    expected = _sum_images(local["train"])
    assert _sum_images(train) == expected  # connections are open
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(_sum_images, [train] * 4).get(60) == [expected] * 4
    assert _sum_images(train) == expected


def test_missing_shard_in_the_object_store(remote):
    """A shard that is gone names file, row and repair; so does an incomplete dataset."""
    uri, _ = remote("parquet")
    storage = Storage(uri)
    storage.delete("images/train/train-00001.parquet")
    with pytest.raises(OutputError, match=r"train-00001\.parquet: row 2 .* no such file.*--repair"):
        open_dataset(uri)["train"][7]
    storage.delete("dataset.json")
    storage.delete("labels/test/test-00000.parquet")
    with pytest.raises(OutputError, match="1 of 4 shards are missing, the first is test-00000"):
        open_dataset(uri)
