"""PyTorch: each sample once for any ranks and workers, resumed anywhere, ready for CTC."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from functools import partial
from itertools import islice, pairwise, zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from builds import ALL_TRANSFORMS
from digit_sequence.base.errors import ConfigError
from digit_sequence.live.dataset import open_config
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
    assert batch.pixels.dtype == torch.uint8
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


def scale(image):
    """Scale by itself, as many transforms do."""
    return (image / 255).astype("float32")


def to_tensor(image):
    """Return a float tensor with an axis of channels, as torchvision's ToTensor does."""
    return torch.from_numpy(image)[None].to(torch.float32) / 255


def to_colors(image):
    """Return a uint8 tensor of three channels."""
    return torch.from_numpy(image).expand(3, *image.shape)


def to_pillow(image):
    """Return an image of Pillow, as most transforms of torchvision do."""
    return Image.fromarray(image)


def to_wide(image):
    """Return values of 16 bits."""
    return image.astype(np.int32) * 257


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    ("transform", "factor", "channels"),
    [
        (None, 1 / 255, 1),
        (scale, 1 / 255, 1),
        (to_tensor, 1 / 255, 1),
        (to_colors, 1 / 255, 3),
        (to_pillow, 1 / 255, 1),
        (to_wide, 257, 1),
        (np.fliplr, 1 / 255, 1),
        (np.float64, 1, 1),
    ],
)
def test_only_uint8_is_scaled(train, transform, factor, channels, num_workers):
    """What a transform returns as anything but uint8 is taken as it is; no axis is added twice."""
    dataset = NumberDataset(train, transform=transform)
    loader = DataLoader(dataset, 4, num_workers=num_workers, collate_fn=collate)
    batch = next(iter(loader))
    pixels = np.stack([train[position].image for position in range(4)])
    if transform is np.fliplr:
        pixels = pixels[:, :, ::-1]
    expected = torch.from_numpy(pixels.copy()).to(torch.float64)[:, None] * factor
    assert batch.images.dtype == torch.float32
    torch.testing.assert_close(
        batch.images.to(torch.float64), expected.expand(4, channels, 28, 160), rtol=1e-6, atol=0
    )
    assert batch.input_widths.tolist() == [160] * 4


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda image: image[..., None].repeat(3, 2), r"\(C, H, W\), got \(28, 160, 3\)"),
        (lambda image: image[None, None], r"got \(1, 1, 28, 160\)"),
        (
            lambda image: image[: 1 + image.sum() % 7],
            "expected images of a batch to differ in nothing but",
        ),
        (
            lambda image: image if image.sum() % 2 else image / 255,
            "expected all images of a batch to be of one type, .* got float64 and uint8",
        ),
        (lambda _: None, "expected images that are tensors, .* got NoneType of object"),
        (lambda _: "seven", "expected images that are tensors, .* got str"),
        (lambda image: image.sum(), r"got \(\)"),
    ],
)
def test_wrong_images_are_refused(train, transform, message):
    """What a transform returns in another shape or type is named, not taken for something else."""
    examples = NumberDataset(train, transform=transform).__getitems__(range(12))
    with pytest.raises(ConfigError, match=f"transform: .*{message}"):
        collate(examples)


@pytest.mark.parametrize("kind", [NumberDataset, NumberStream])
def test_default_collate(train, kind):
    """PyTorch's own collate takes examples, with boxes or without."""
    (batch,) = DataLoader(kind(train), batch_size=12)
    assert batch.image.shape == (12, 28, 160)
    assert batch.boxes.shape == (12, 0, 5)
    by_key = dict(zip(batch.key, batch.number, strict=True))
    assert by_key["train-000000001"] == "42"
    equal = train.where(number="007")
    (batch,) = DataLoader(kind(equal, boxes=True), batch_size=12)
    assert batch.boxes.shape == (len(equal), 3, 5)


def test_batch_is_tensors_alone(train):
    """A batch that is cut and put together keeps numbers, keys and boxes with their images."""
    examples = NumberDataset(train, boxes=True).__getitems__(range(12))
    first, second = collate(examples[:5]), collate(examples[5:])
    assert all(isinstance(part, torch.Tensor) for part in first)
    joined = [torch.cat(parts)[3:9] for parts in zip(first, second, strict=True)]
    batch, expected = type(first)(*joined), collate(examples[3:9])
    assert batch.numbers == expected.numbers == [example.number for example in examples[3:9]]
    assert batch.keys == expected.keys == [example.key for example in examples[3:9]]
    assert batch.targets.tolist() == expected.targets.tolist()
    for found, target in zip(batch.boxes, expected.boxes, strict=True):
        assert {name: value.tolist() for name, value in found.items()} == {
            name: value.tolist() for name, value in target.items()
        }


@pytest.mark.parametrize("boxes", [False, True])
def test_batch_that_is_sent(train, boxes):
    """A batch from another process has the same tensors, which can be written to."""
    batch = collate(NumberDataset(train, boxes=boxes).__getitems__(range(12)))
    again = pickle.loads(pickle.dumps(batch))
    assert type(again) is type(batch)
    for found, expected in zip(again, batch, strict=True):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
        found.zero_()


@pytest.mark.parametrize(
    "numbers", [["007", "42"], ["0"], ["1111", "2", "909"], ["-1,234.50", "€ 9"]]
)
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


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("persists", [False, True])
def test_epochs_advance_by_themselves(train, keys, persists, method):
    """Each iteration is the next epoch, in all workers; one that is set is the next."""
    stream = NumberStream(train, seed=3)
    loader = DataLoader(
        stream,
        2,
        num_workers=2,
        collate_fn=collate,
        persistent_workers=persists,
        multiprocessing_context=method,
    )
    # Workers that do not persist are two processes an epoch, which take seconds where spawned.
    epochs = [0, 1, 0] if method == "spawn" and not persists else [0, 1, 5, 6, 5, 0]
    orders = []
    for before, epoch in pairwise([-1, *epochs]):
        if epoch != before + 1:
            stream.set_epoch(epoch)
        orders.append([batch.keys for batch in loader])
        assert flatten(orders[-1]) == keys
    texts = [*map(str, orders)]
    assert len({*zip(epochs, texts, strict=True)}) == len({*epochs}) == len({*texts})
    assert stream.state_after(0, 2)["epoch"] == 0


def test_epochs_without_workers_and_with(train, keys):
    """The epoch goes on whoever reads; a loader that is given up early counts."""
    stream, sampler = NumberStream(train, seed=3), ShardBatchSampler(train, 3, seed=3)
    for epoch in range(3):
        expected = NumberStream(train, seed=3)
        expected.set_epoch(epoch)
        order = load(expected)
        assert load(stream) == order
        assert [[keys[position] for position in batch] for batch in sampler] == order
    next(iter(DataLoader(stream, 2, num_workers=2, collate_fn=collate)))
    load(stream, num_workers=2)
    assert stream.state_after(0, 2)["epoch"] == 4
    copy = pickle.loads(pickle.dumps(stream))
    assert load(copy) == load(stream)
    assert copy.state_dict()["epoch"] == stream.state_dict()["epoch"] == 5


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 5, 20])
def test_lengths_are_known(train, batch_size, drop_last):
    """A stream, and a loader of any workers, say what they will give: trainers stop there."""
    if batch_size is None and drop_last:
        pytest.skip("there are no batches")
    for rank, num_workers in ((0, 0), (1, 0), (0, 2), (1, 3)):
        stream = NumberStream(train, rank=rank, world_size=2)
        assert len(stream) == len(list(stream)) == 6
        loader = DataLoader(
            stream,
            batch_size,
            num_workers=num_workers,
            drop_last=drop_last,
            collate_fn=list,
        )
        assert len(loader) == len(list(loader))


def test_batch_size_can_be_given(train):
    """Any loader is dealt batches of the size that the stream was given; another one is refused."""
    for rank in range(2):
        options = {"seed": 1, "rank": rank, "world_size": 2}
        stream = NumberStream(train, batch_size=4, **options)
        expected = load(NumberStream(train, **options), batch_size=4)
        assert [example.key for example in stream] == [key for keys in expected for key in keys]
        assert load(NumberStream(train, batch_size=4, **options), batch_size=4) == expected
        assert len(stream) == sum(map(len, expected))
    with pytest.raises(ConfigError, match="batch_size: expected that of the loader, 3, got 4"):
        load(stream, batch_size=3)
    with pytest.raises(ConfigError, match="batch_size: expected 1 or more, got 0"):
        NumberStream(train, batch_size=0)


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_stream_goes_on_after_any_batch(train, num_workers):
    """With a plain DataLoader, the state after n batches gives exactly the batches that follow."""
    stream = NumberStream(train, seed=2)
    stream.set_epoch(4)
    expected = load(stream, batch_size=2, num_workers=num_workers)
    for done in range(len(expected) + 1):
        state = pickle.loads(pickle.dumps(stream.state_after(done, 2)))
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
    loader = make_loader()
    orders = [[batch.keys for batch in loader] for _ in range(2)]
    state = pickle.loads(pickle.dumps(loader.state_dict()))
    orders += [[batch.keys for batch in loader]]
    resumed = make_loader()
    resumed.load_state_dict(state)  # of the end of an epoch
    assert [batch.keys for batch in resumed] == orders[2] != orders[1] != orders[0]


def test_sampler_goes_on_after_any_batch(train):
    """A sampler that is told what is done gives the batches that follow, then whole epochs."""
    sampler = ShardBatchSampler(train, 5, seed=1)
    sampler.set_epoch(2)
    expected = list(sampler)
    finished = sampler.state_dict()
    assert (finished["epoch"], finished["samples"], finished["finished"]) == (2, 12, True)
    for done in range(4):
        sampler.set_epoch(2)
        state = sampler.state_after(done)
        sampler.load_state_dict(json.loads(json.dumps(state)))
        assert list(sampler) == expected[done:]
        whole = list(sampler)
        assert sampler.state_dict() == finished | {"epoch": 3}
        assert (flatten(whole), whole != expected) == (list(range(12)), True)
    sampler.set_epoch(2)
    batches = iter(sampler)
    next(batches)
    assert sampler.state_dict() == finished | {"samples": 5, "finished": False}
    sampler.set_epoch(2)
    assert list(sampler) == expected  # to look at a batch costs nothing
    sampler.load_state_dict(finished)  # nothing is left of epoch 2
    assert len(list(sampler)) == len(sampler)
    assert sampler.state_dict()["epoch"] == 3


@pytest.mark.parametrize("num_workers", [0, 2, 3])
def test_stream_goes_on_again_and_again(train, num_workers):
    """A job that is stopped after every batch sees each sample once, in the same order."""
    expected = load(NumberStream(train, seed=5), batch_size=2, num_workers=num_workers)
    seen = []
    for done in range(len(expected)):
        stream = NumberStream(train, seed=5)
        if done:
            stream.load_state_dict(stream.state_after(done, 2))
        seen.append(load(stream, batch_size=2, num_workers=num_workers)[0])
    assert seen == expected


@pytest.mark.parametrize("persists", [False, True])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_epochs_after_a_resumed_one_are_whole(train, num_workers, persists):
    """A loaded state is for one iteration, whichever process took it; also if the epoch is set."""
    stream = NumberStream(train, seed=5)
    orders = [load(stream, batch_size=2, num_workers=num_workers) for _ in range(3)]
    state = stream.state_after(2, 2) | {"epoch": 0}
    resumed = NumberStream(train, seed=5)
    resumed.load_state_dict(state)
    options = {"persistent_workers": persists} if num_workers else {}
    loader = DataLoader(resumed, 2, num_workers=num_workers, collate_fn=collate, **options)
    found = [[batch.keys for batch in loader] for _ in range(3)]
    assert found == [orders[0][2:], *orders[1:]]
    resumed.set_epoch(0)
    assert [batch.keys for batch in loader] == orders[0]


def test_unshuffled_order_is_that_of_any_split(train):
    """Without shuffling, samples that were chosen come in the order in which they were chosen."""
    chosen = train.take([7, 1, 10, 3])
    (keys,) = load(NumberStream(chosen, shuffle=False), batch_size=4)
    assert keys == chosen.labels()["key"].to_pylist()
    sampler = ShardBatchSampler(chosen, 3, shuffle=False)
    assert list(sampler) == [[0, 1, 2], [3]]


# -- going on with others --------------------------------------------------------------------------


class Jobs:
    """All ranks of a job that goes on with a state."""

    def __init__(self, kind, train, batch_size, world_size, state, num_workers=0, epoch=0):
        self.sizes = [batch_size] if kind == "stream" else []
        self.jobs, self.loaders = [], []
        for rank in range(world_size):
            options = {"seed": 6, "rank": rank, "world_size": world_size}
            if kind == "stream":
                job = NumberStream(train, **options)
                loader = DataLoader(job, batch_size, collate_fn=collate, num_workers=num_workers)
            else:
                job = ShardBatchSampler(train, batch_size, **options)
                loader = DataLoader(NumberDataset(train), batch_sampler=job, collate_fn=collate)
            job.set_epoch(epoch)
            if state is not None:
                job.load_state_dict(state)
            self.jobs.append(job)
            self.loaders.append(loader)

    def read(self, n_steps):
        """Return the keys of some steps: in each those of all ranks, one after another."""
        steps = zip_longest(*(islice(it, n_steps) for it in self.loaders), fillvalue=None)
        return [key for step in steps for batch in step if batch is not None for key in batch.keys]

    def save(self, n_steps):
        """Return the state after some steps, the same on each rank, as it is written to a file."""
        states = [json.dumps(job.state_after(n_steps, *self.sizes)) for job in self.jobs]
        assert len({*states}) == 1
        assert len(states[0]) < 200
        return json.loads(states[0])


def read_order(train, epoch=0):
    """Return the keys of an epoch in their order."""
    return Jobs("stream", train, len(train), 1, None, epoch=epoch).read(1)


def test_stream_goes_on_with_other_ranks_and_workers(train):
    """In one epoch 2 x 2, then 5 x 1, then 1 x 3: the same order, each sample once."""
    many = train.take(np.arange(48) % 12)
    order = read_order(many)
    state, seen = None, []
    for world_size, num_workers, batch_size, n_steps in ((2, 2, 3, 3), (5, 1, 2, 2), (1, 3, 4, 9)):
        jobs = Jobs("stream", many, batch_size, world_size, state, num_workers)
        seen += jobs.read(n_steps)
        assert seen == order[: len(seen)]
        state = jobs.save(n_steps)
    assert seen == order


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(0, 4)), max_size=3),
    st.integers(0, 2),
    st.sampled_from(["stream", "sampler"]),
)
def test_any_ranks_and_batches_go_on(train, sessions, epoch, kind):
    """Jobs of any ranks and batches that follow each other in an epoch see each sample once."""
    order = read_order(train, epoch)
    state, seen = None, []
    for world_size, batch_size, n_steps in [*sessions, (1, 12, 99)]:
        jobs = Jobs(kind, train, batch_size, world_size, state, epoch=epoch)
        seen += jobs.read(n_steps)
        assert seen == order[: len(seen)]
        state = jobs.save(n_steps)
    assert seen == order


def test_global_batches_do_not_depend_on_ranks(train):
    """Two ranks with batches of 3 see together what one sees with batches of 6."""
    (first, second), (whole,) = (
        [load(NumberStream(train, rank=r, world_size=n), 6 // n) for r in range(n)] for n in (2, 1)
    )
    assert [a + b for a, b in zip(first, second, strict=True)] == whole


@pytest.mark.parametrize("num_workers", [0, 2])
def test_state_after_counts_from_where_it_went_on(train, num_workers):
    """Saved again in a resumed epoch, a state counts the batches since then; not in the next."""
    expected = load(NumberStream(train, seed=8), batch_size=2)
    stream = NumberStream(train, seed=8)
    stream.load_state_dict(stream.state_after(2, 2))
    assert load(stream, batch_size=2, num_workers=num_workers) == expected[2:]
    state = stream.state_after(3, 2)
    assert state["samples"] == 10
    again = NumberStream(train, seed=8)
    again.load_state_dict(state)
    assert load(again, batch_size=1) == [[key] for key in expected[5]]
    load(stream, batch_size=2, num_workers=num_workers)
    state = stream.state_after(1, 2)
    assert (state["epoch"], state["samples"]) == (1, 2)


@pytest.mark.parametrize("make", [NumberStream, partial(ShardBatchSampler, batch_size=2)])
def test_states_of_others_are_refused(train, make):
    """A state of other samples, another order, version or epoch says what differs."""
    state = make(train, seed=1).state_dict()
    for other, message in [
        (make(train, seed=2), "expected seed 2, as here, got 1; go on with"),
        (make(train, seed=1, shuffle=False), "expected shuffle False, as here, got True"),
        (
            make(train[1:], seed=1),
            r"expected dataset [0-9a-f]{16}/train/1-12, as here, got .*/0-12",
        ),
        (make(train.take([3, 1]), seed=1), r"expected dataset .{16}/train/2-[0-9a-f]{8}"),
    ]:
        with pytest.raises(ConfigError, match=f"state: {message}"):
            other.load_state_dict(state)
    for change, message in [
        ({"version": 0}, "expected version 1, as here, got 0"),
        ({"samples": 13}, "samples: expected 0 to 12, got 13"),
        ({"epoch": -1}, "epoch: expected 0 to"),
        ({"epoch": "1"}, "epoch: expected 0 to"),
    ]:
        with pytest.raises(ConfigError, match=f"state: {message}"):
            make(train, seed=1).load_state_dict(state | change)
    with pytest.raises(ConfigError, match="expected version 1, as here, got None; dataset"):
        make(train, seed=1).load_state_dict({"epoch": 0, "turn": 0, "done": {"0": 2}})


def test_state_of_one_worker_stays_with_it(train):
    """What one worker or one rank says of itself in the middle of a batch is no state of all."""
    stream = NumberStream(train, rank=0, world_size=2)
    examples = iter(DataLoader(stream, 3, collate_fn=collate))
    next(examples)
    state = stream.state_dict()
    assert (state["samples"], state["turn"], state["begun"]) == (6, 0, 0)
    NumberStream(train, rank=1, world_size=3).load_state_dict(state)  # all ranks are there
    begun = state | {"begun": 1}
    for rank, world_size in ((1, 2), (0, 1)):
        other = NumberStream(train, rank=rank, world_size=world_size)
        other.load_state_dict(begun)
        with pytest.raises(ConfigError, match=r"worker 0/1 of rank ./., as here, got worker 0/1"):
            next(iter(other))
    same = NumberStream(train, rank=0, world_size=2)
    same.load_state_dict(begun)
    with pytest.raises(ConfigError, match="expected that of batches of 2 samples, as here, got 3"):
        load(same, batch_size=2)
    same.load_state_dict(begun)
    assert flatten(load(same, batch_size=3)) == sorted(load(stream, 6)[0][4:])


def test_endless_split(tiny_config):
    """Of a split without end, stream and sampler show new samples every epoch, in their order."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": None}}
    train = open_config(tiny_config(splits=splits), epoch_samples=6)["train"]
    stream, sampler = NumberStream(train, seed=3), ShardBatchSampler(train, 4, seed=3)
    batches = DataLoader(NumberDataset(train), batch_sampler=sampler, collate_fn=collate)
    for epoch in range(3):
        found = load(stream, batch_size=4, num_workers=2)
        assert flatten(found) == [f"train-{epoch * 6 + i:09d}" for i in range(6)]
        assert [batch.keys for batch in batches] == found
    resumed = NumberStream(train, seed=3)
    resumed.load_state_dict(stream.state_after(1, 4))
    assert load(resumed, batch_size=4) == found[1:]


def test_drawn_split_is_that_of_the_build(train, tiny_config):
    """A config gives the batches of its build, and goes on with the states of it."""
    drawn = open_config(tiny_config(**ALL_TRANSFORMS))["train"]
    first, second = (
        [*DataLoader(NumberStream(split, seed=3, boxes=True), 5, collate_fn=collate, num_workers=2)]
        for split in (train, drawn)
    )
    for batch, expected in zip(first, second, strict=True):
        assert all(torch.equal(part, other) for part, other in zip(batch, expected, strict=True))
    NumberStream(drawn).load_state_dict(NumberStream(train).state_after(1, 2))
