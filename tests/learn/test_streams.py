"""PyTorch: each sample once for any ranks and workers, resumed anywhere, ready for CTC."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest

from digit_sequence.base.errors import ConfigError
from digit_sequence.read.dataset import open_dataset

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch.utils.data import DataLoader  # noqa: E402

from digit_sequence.learn.streams import (  # noqa: E402
    NumberDataset,
    NumberStream,
    ShardBatchSampler,
    collate,
    decode_classes,
    encode_numbers,
)

pytestmark = [
    pytest.mark.extras,
    # Python 3.12 and later warn of every fork in a process with threads, which PyTorch's is.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    # More workers than cores are slow, not wrong; torchdata calls what PyTorch has deprecated.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]


@pytest.fixture(scope="module")
def train(built):
    """Return the 12 samples of train, in shards of 5."""
    return open_dataset(built(container="webdataset"))["train"]


@pytest.fixture(scope="module")
def keys(train):
    """Return all keys of train."""
    return train.labels(["key"])["key"].to_pylist()


def load(dataset, batch_size=3, num_workers=0, **options):
    """Return the keys of the batches that a DataLoader gives."""
    loader = DataLoader(dataset, batch_size, num_workers=num_workers, collate_fn=collate, **options)
    return [batch.keys for batch in loader]


def flatten(batches):
    """Return all keys of batches, sorted."""
    return sorted(key for batch in batches for key in batch)


# -- batches ---------------------------------------------------------------------------------------


def test_batch_is_ready_for_ctc(train):
    """Images are float32 (B, 1, H, W) in 0 to 1; targets, lengths and widths fit CTCLoss."""
    loader = DataLoader(NumberDataset(train), batch_size=4, collate_fn=collate)
    batch = next(iter(loader))
    assert (batch.images.dtype, tuple(batch.images.shape)) == (torch.float32, (4, 1, 28, 160))
    pixels = np.stack([train[position].image for position in range(4)])
    torch.testing.assert_close(batch.images[:, 0], torch.from_numpy(pixels) / 255, rtol=0, atol=0)
    assert batch.numbers == ["007", "42", "7", "007"]
    assert batch.keys[1] == "train-000000001"
    assert batch.targets.tolist() == [1, 1, 8, 5, 3, 8, 1, 1, 8]
    assert batch.target_lengths.tolist() == [3, 2, 1, 3]
    assert batch.input_widths.tolist() == [160] * 4
    assert batch.boxes == []
    scores = torch.zeros(40, 4, 11).log_softmax(-1)
    loss = torch.nn.CTCLoss()(scores, batch.targets, batch.input_widths // 4, batch.target_lengths)
    assert loss.isfinite()


@pytest.mark.parametrize("kind", [NumberDataset, NumberStream])
def test_boxes_on_request(train, kind):
    """Boxes come as detectors take them: left, top, right, bottom; label digit + 1."""
    loader = DataLoader(kind(train, boxes=True), batch_size=12, collate_fn=collate)
    (batch,) = loader
    for key, target in zip(batch.keys, batch.boxes, strict=True):
        boxes = train.by_key(key).boxes
        assert target["boxes"].dtype == torch.float32
        assert target["boxes"].tolist() == boxes[:, [2, 1, 4, 3]].tolist()
        assert target["labels"].tolist() == (boxes[:, 0] + 1).tolist()


def halve(image):
    """Return a darker image."""
    return image // 2


@pytest.mark.parametrize("kind", [NumberDataset, NumberStream])
def test_transform_of_images(train, kind):
    """A transform is applied to every uint8 image."""
    (batch,) = DataLoader(kind(train, transform=halve), batch_size=12, collate_fn=collate)
    expected = train.by_key(batch.keys[5]).image // 2
    assert (batch.images[5, 0] * 255).round().to(torch.uint8).tolist() == expected.tolist()


@pytest.mark.parametrize("numbers", [["007", "42"], ["0"], ["1111", "2", "909"]])
def test_numbers_survive_ctc(numbers):
    """Encoded with a blank between digits, numbers are decoded again, zeros and pairs kept."""
    targets, lengths = encode_numbers(numbers)
    steps = torch.zeros(len(numbers), 2 * max(map(len, numbers)), dtype=torch.int64)
    for row, classes in enumerate(torch.split(targets, lengths.tolist())):
        steps[row, : 2 * len(classes) : 2] = classes
    assert decode_classes(steps) == numbers
    assert decode_classes(steps.repeat_interleave(3, dim=1)) == numbers


# -- each sample once ------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world_size", [1, 2, 5, 13])
@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_stream_shows_each_sample_once(train, keys, world_size, num_workers, shuffle):
    """Over all ranks and workers, more than samples even, an epoch has each sample once."""
    if num_workers and world_size > 2:
        world_size = 2  # processes take time; the larger worlds are covered without
    options = {"world_size": world_size, "shuffle": shuffle, "seed": 5}
    streams = [NumberStream(train, rank=rank, **options) for rank in range(world_size)]
    assert flatten(b for s in streams for b in load(s, num_workers=num_workers)) == keys


@pytest.mark.parametrize("world_size", [1, 2, 5, 13])
def test_batch_sampler_shows_each_sample_once(train, keys, world_size):
    """Over all ranks, the batches of an epoch have each sample once, and lengths are told."""
    found = []
    for rank in range(world_size):
        sampler = ShardBatchSampler(train, 4, rank=rank, world_size=world_size)
        loader = DataLoader(NumberDataset(train), batch_sampler=sampler, collate_fn=collate)
        batches = [batch.keys for batch in loader]
        assert len(batches) == len(sampler) == len(loader)
        found += batches
    assert flatten(found) == keys


def test_uneven_samples_can_be_dropped(train):
    """For training that needs it, every rank gets the same number of batches."""
    counts, lengths = [], []
    for rank in range(5):
        stream = NumberStream(train, rank=rank, world_size=5, drop_uneven=True)
        counts.append(len(flatten(load(stream, batch_size=1))))
        sampler = ShardBatchSampler(train, 2, rank=rank, world_size=5, drop_last=True)
        lengths.append([len(batch) for batch in sampler])
    assert counts == [2] * 5
    assert lengths == [[2]] * 5


def test_works_on_filtered_samples(train):
    """Filters come before: a stream of the numbers with a 2 has these alone."""
    stream = NumberStream(train.where(digit=2))
    assert {
        number for batch in DataLoader(stream, 5, collate_fn=collate) for number in batch.numbers
    } == {"42"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_any_way_to_start_workers(train, keys, method):
    """Workers may be forked or spawned, and may persist; an open dataset goes along."""
    _ = train[0]
    stream = NumberStream(train, seed=1)
    options = {"num_workers": 2, "multiprocessing_context": method, "collate_fn": collate}
    loader = DataLoader(stream, 3, persistent_workers=True, **options)
    epochs = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        epochs.append([batch.keys for batch in loader])
        assert flatten(epochs[-1]) == keys
    assert epochs[0] == epochs[2] != epochs[1]


def _read_rank(rank, uri, store, found):
    """Put the keys that one process of a group of two reads."""
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
    found.put((rank, load(NumberStream(open_dataset(uri)["train"], seed=1))))
    torch.distributed.destroy_process_group()


def test_rank_of_torch_distributed(train, tmp_path):
    """Without a rank given, that of the process group is taken: two processes share an epoch."""
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    arguments = (train.dataset.uri, tmp_path / "store", found)
    processes = [context.Process(target=_read_rank, args=(rank, *arguments)) for rank in (0, 1)]
    for process in processes:
        process.start()
    parts = dict(found.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(60)
    for rank, part in parts.items():
        assert part == load(NumberStream(train, seed=1, rank=rank, world_size=2))


def test_wrong_ranks_are_refused(train):
    """A rank outside of the world, or one of the two alone, is an error."""
    for options in ({"rank": 2, "world_size": 2}, {"rank": 0}, {"world_size": 2}):
        with pytest.raises(ConfigError, match="0 <= rank < world_size"):
            NumberStream(train, **options)
    with pytest.raises(ConfigError, match="batch_size: expected at least 1, got 0"):
        ShardBatchSampler(train, 0)


# -- shuffling and resuming ------------------------------------------------------------------------


def test_epochs_differ_and_repeat(train):
    """The order is decided by seed and epoch, the same for stream and sampler."""
    stream, sampler = NumberStream(train, seed=3), ShardBatchSampler(train, 3, seed=3)
    orders = []
    for epoch in (0, 1):
        stream.set_epoch(epoch)
        sampler.set_epoch(epoch)
        loader = DataLoader(NumberDataset(train), batch_sampler=sampler, collate_fn=collate)
        orders.append(load(stream))
        assert [batch.keys for batch in loader] == orders[-1]
    assert orders[0] != orders[1]


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_stream_goes_on_after_any_batch(train, num_workers):
    """With a plain DataLoader, the state after n batches gives exactly the batches that follow."""
    stream = NumberStream(train, seed=2)
    stream.set_epoch(4)
    expected = load(stream, batch_size=2, num_workers=num_workers)
    for done in range(len(expected) + 1):
        state = pickle.loads(pickle.dumps(stream.state_after(done, 2, num_workers)))
        other = NumberStream(train, seed=2)
        other.load_state_dict(state)
        other.set_epoch(4)
        rest = load(other, batch_size=2, num_workers=num_workers)
        assert rest == expected[done:]
        other.set_epoch(5)
        assert flatten(load(other, batch_size=2)) == flatten(expected)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("kind", ["stream", "sampler"])
def test_stateful_dataloader_goes_on(train, num_workers, kind):
    """Torchdata's StatefulDataLoader saves and restores the position by itself."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="needs torchdata")

    def make_loader():
        options = {"num_workers": num_workers, "collate_fn": collate}
        if kind == "stream":
            return stateful.StatefulDataLoader(NumberStream(train, seed=9), 2, **options)
        sampler = ShardBatchSampler(train, 2, seed=9)
        return stateful.StatefulDataLoader(NumberDataset(train), batch_sampler=sampler, **options)

    expected = [batch.keys for batch in make_loader()]
    for done in range(1, len(expected)):
        loader = make_loader()
        batches = iter(loader)
        first = [next(batches).keys for _ in range(done)]
        state = pickle.loads(pickle.dumps(loader.state_dict()))
        resumed = make_loader()
        resumed.load_state_dict(state)
        rest = [batch.keys for batch in resumed]
        assert first + rest == expected
        assert flatten(batch.keys for batch in resumed) == flatten(expected)


def test_sampler_goes_on_after_any_batch(train):
    """A sampler that is told what is done gives the batches that follow, then whole epochs."""
    sampler = ShardBatchSampler(train, 5, seed=1)
    sampler.set_epoch(2)
    expected = list(sampler)
    state = sampler.state_dict()
    assert (state["epoch"], state["batches"]) == (2, 3)
    for done in range(4):
        sampler.load_state_dict(state | {"batches": done})
        assert list(sampler) == expected[done:]
        whole = list(sampler)
        assert sampler.state_dict() == state | {"epoch": 3}
        assert (sorted(sum(whole, [])), whole != expected) == (list(range(12)), True)
    sampler.set_epoch(2)
    batches = iter(sampler)
    next(batches)
    assert sampler.state_dict() == state | {"batches": 1}
    sampler.set_epoch(2)
    assert list(sampler) == expected  # to look at a batch costs nothing


@pytest.mark.parametrize("num_workers", [0, 2, 3])
def test_stream_goes_on_again_and_again(train, num_workers):
    """A job that is stopped after every batch sees each sample once, in the same order."""
    expected = load(NumberStream(train, seed=5), batch_size=2, num_workers=num_workers)
    seen = []
    for done in range(len(expected)):
        stream = NumberStream(train, seed=5)
        if done:
            stream.load_state_dict(stream.state_after(done, 2, num_workers))
        seen.append(load(stream, batch_size=2, num_workers=num_workers)[0])
    assert seen == expected


def test_unshuffled_order_is_that_of_any_split(train):
    """Without shuffling, samples that were chosen come in the order in which they were chosen."""
    chosen = train.take([7, 1, 10, 3])
    (keys,) = load(NumberStream(chosen, shuffle=False), batch_size=4)
    assert keys == chosen.labels()["key"].to_pylist()
    sampler = ShardBatchSampler(chosen, 3, shuffle=False)
    assert list(sampler) == [[0, 1, 2], [3]]


@pytest.mark.parametrize("other", [{"seed": 2}, {"rank": 1, "world_size": 2}])
def test_state_of_another_sampler_is_refused(train, other):
    """A state fits the same batches only."""
    state = ShardBatchSampler(train, 2, seed=1).state_dict()
    with pytest.raises(ConfigError, match=r"state: expected (seed 2|rank 1), as here"):
        ShardBatchSampler(train, 2, **({"seed": 1} | other)).load_state_dict(state)
    with pytest.raises(ConfigError, match="expected batch_size 3, as here, got 2"):
        ShardBatchSampler(train, 3, seed=1).load_state_dict(state)


def test_state_of_other_workers_is_refused(train):
    """A state does not fit another number of ranks or workers; the error says which it was."""
    stream = NumberStream(train)
    stream.load_state_dict(stream.state_after(1, 2, 2))
    with pytest.raises(ConfigError, match="state: expected workers 1, as here, got 2"):
        load(stream)
