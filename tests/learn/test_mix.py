"""Mixes of drawn, stored and real samples: by weight, each in its own order, resumed anywhere."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from builds import ALL_TRANSFORMS
from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.crop_dataset import open_crops
from digit_sequence.live.dataset import open_config
from digit_sequence.read.dataset import open_dataset

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch.utils.data import DataLoader  # noqa: E402

from digit_sequence.learn.streams import Mix, NumberStream, collate  # noqa: E402

pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

NUMBERS = ["17", "0", "4059"]


@pytest.fixture(scope="module")
def stored(built):
    """Return 12 samples of a build."""
    return open_dataset(built(container="webdataset"))["train"]


@pytest.fixture(scope="module")
def drawn(tiny_config):
    """Return samples without end, in epochs of 7."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": None}}
    return open_config(tiny_config(splits=splits), epoch_samples=7)["train"]


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Make three crops of dark ink on bright paper, and their labels as CSV; return both."""
    folder = tmp_path_factory.mktemp("crops")
    for count in range(len(NUMBERS)):
        page = np.full((40 + 7 * count, 90 + 40 * count), 230, np.uint8)
        page[10:30, 10 : 20 + 10 * count] = 40
        Image.fromarray(page).save(folder / f"{count}.png")
    labels = tmp_path_factory.mktemp("labels") / "labels.csv"
    with labels.open("w", newline="") as file:
        rows = [(f"{count}.png", number) for count, number in enumerate(NUMBERS)]
        csv.writer(file).writerows([("file", "number"), *rows])
    return folder, labels


@pytest.fixture(scope="module")
def real(crops, stored):
    """Return the crops as a split."""
    return open_crops(*crops, like=stored)


@pytest.fixture(scope="module")
def parts(stored, drawn, real):
    """Return three splits to mix."""
    return {"stored": stored, "drawn": drawn, "real": real}


def load(stream, batch_size=4, num_workers=0):
    """Return the (source, key) of each sample of an epoch."""
    loader = DataLoader(stream, batch_size, num_workers=num_workers, collate_fn=collate)
    return [pair for batch in loader for pair in zip(batch.sources, batch.keys, strict=True)]


# -- crops as a split ------------------------------------------------------------------------------


def test_crops_are_a_split(crops, real, stored):
    """Crops have the rows of the others, and their labels; names are keys."""
    assert len(real) == 3
    assert [sample.number for sample in real] == NUMBERS
    assert real.by_key("crops-1").label["key"] == "1.png"
    assert (real.max_digits, real.dataset.columns) == (
        4,
        ["key", "split", "number", "n_digits", "ordinal"],
    )
    assert real.where(n_digits=range(2, 9)).labels(["number"]).to_pylist() == [
        {"number": "17"},
        {"number": "4059"},
    ]
    assert {sample.image.shape[0] for sample in real} == {stored.dataset.image_shape[0]}
    batch = real.read_batch([2, 0])
    assert batch.numbers == ["4059", "17"]
    for image, sample in zip(batch.cut(), (real[2], real[0]), strict=True):
        np.testing.assert_array_equal(image, sample.image)
    again = pickle.loads(pickle.dumps(real))
    assert again.dataset.fingerprint == real.dataset.fingerprint
    np.testing.assert_array_equal(again[1].image, real[1].image)


def test_damaged_crops_are_named(crops, stored, tmp_path):
    """A crop that is no image is named when it is read; a label that is none at once."""
    (tmp_path / "a.png").write_bytes(b"no image")
    labels = tmp_path / "labels.csv"
    labels.write_text("file,number\na.png,12\n")
    broken = open_crops(tmp_path, labels, like=stored)
    with pytest.raises(ConfigError, match=r"a\.png: expected a PNG, JPEG"):
        broken[0]
    labels.write_text("file,number\na.png,12 eur\n")
    with pytest.raises(ConfigError, match="line 2: number: expected"):
        open_crops(tmp_path, labels, like=stored)
    labels.write_text("file,number\na.png,12:45\n")
    with pytest.raises(ConfigError, match=r"a\.png: expected characters of .* got : as well"):
        open_crops(tmp_path, labels, like=stored)


# -- mixes -----------------------------------------------------------------------------------------


def test_batches_say_where_samples_come_from(parts):
    """Shares are those of the weights, in every batch; samples are those of their splits."""
    mix = Mix(parts, {"stored": 2, "drawn": 1, "real": 1}, epoch_samples=40)
    stream = NumberStream(mix, seed=2)
    assert len(stream) == 40
    for batch in DataLoader(stream, 8, collate_fn=collate):
        assert [batch.sources.count(name) for name in parts] == [4, 2, 2]
        for source, key, number in zip(batch.sources, batch.keys, batch.numbers, strict=True):
            if source == "real":
                assert NUMBERS[int(key[0])] == number
            else:
                assert parts[source].by_key(key).number == number
        assert batch.padded_targets.shape[1] == 4  # digits of the longest number of all


def test_each_split_goes_on_in_its_own_order(parts):
    """Over epochs of a mix, a split shows its own epochs one after another, whole."""
    mix = Mix(parts, {"stored": 1.5, "drawn": 1, "real": 0.5}, epoch_samples=17)
    stream = NumberStream(mix, seed=2)
    seen = [pair for _ in range(5) for pair in load(stream)]
    assert len(seen) == 85
    for name, split in parts.items():
        keys = [key for source, key in seen if source == name]
        alone = NumberStream(split, seed=2)
        expected = [key for _ in range(8) for _, key in load(alone)]
        assert keys == expected[: len(keys)]
        assert len(keys) > len(split)


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_workers_and_ranks_change_nothing(parts, num_workers):
    """Dealt to ranks and workers, and gone on with others, a mix has one order."""
    mix = Mix(parts, {"stored": 3, "drawn": 2, "real": 2}, epoch_samples=30)
    order = load(whole := NumberStream(mix, seed=3))
    second = load(whole)
    assert load(NumberStream(mix, seed=3), 5, num_workers) == order
    streams = [NumberStream(mix, seed=3, rank=rank, world_size=2) for rank in range(2)]
    first = [load(stream, 3, num_workers) for stream in streams]
    steps = zip(*(zip(*[iter(rank)] * 3, strict=True) for rank in first), strict=True)
    assert [pair for step in steps for batch in step for pair in batch] == order
    state = json.loads(json.dumps(streams[1].state_after(2, 3)))
    assert len(json.dumps(state)) < 400
    resumed = NumberStream(mix, seed=3)
    resumed.load_state_dict(state)
    assert load(resumed, 4, num_workers) == order[12:]
    assert load(resumed, 4, num_workers) == second


def halve_real(epoch):
    """Return fewer and fewer real samples."""
    return {"stored": 1, "drawn": 1, "real": 2.0**-epoch}


def test_weights_by_schedule(parts):
    """A schedule says the weights of each epoch; a state has all that later ones need."""
    stream = NumberStream(Mix(parts, halve_real, epoch_samples=25), seed=1)
    epochs = [load(stream) for _ in range(3)]
    shares = [[source for source, _ in epoch].count("real") for epoch in epochs]
    for found, due in zip(shares, (25 / 3, 25 / 5, 25 / 9), strict=True):
        assert abs(found - due) < 1
    assert shares[0] > shares[1] > shares[2]
    state = stream.state_after(2, 4)
    assert state["weights"] == [1, 1, 0.25]
    resumed = NumberStream(Mix(parts, halve_real, epoch_samples=25), seed=1)
    resumed.load_state_dict(state)
    assert load(resumed, num_workers=2) == epochs[2][8:]


def test_weights_change_between_epochs(parts):
    """After an epoch, other weights go on where each split was; in the middle it is refused."""
    many = Mix(parts, {"stored": 1, "drawn": 1, "real": 2}, epoch_samples=20)
    few = Mix(parts, {"stored": 1, "drawn": 2, "real": 1}, epoch_samples=20)
    stream = NumberStream(many, seed=1)
    seen = load(stream) + load(stream)
    state = stream.state_after(5, 4)
    other = NumberStream(few, seed=1)
    other.load_state_dict(state)
    assert load(other) == []
    third = load(other)
    assert [[source for source, _ in third].count(name) for name in parts] == [5, 10, 5]
    keys = [key for source, key in seen + third if source == "drawn"]
    assert len({*keys}) == 20  # five, five and ten, none of them twice
    with pytest.raises(ConfigError, match=r"weights \[1, 2, 1\] in the middle of epoch 1, as here"):
        other.load_state_dict(state | {"samples": 8})
    for change in ({"taken": [1]}, {"taken": None}, {"taken": [1, 2, -3]}):
        with pytest.raises(ConfigError, match="state: taken: expected a count for each split"):
            other.load_state_dict(state | change)
    with pytest.raises(ConfigError, match="state: weights: expected one for each split"):
        other.load_state_dict(state | {"weights": [1]})
    with pytest.raises(ConfigError, match=r"state: expected dataset 20 of stored=.* got 9 of "):
        other.load_state_dict(NumberStream(Mix(parts, halve_real, 9), seed=1).state_dict())


def test_stateful_dataloader_goes_on(parts):
    """Torchdata's StatefulDataLoader saves and restores the position in a mix by itself."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="needs torchdata")

    def make_loader():
        mix = Mix(parts, {"stored": 1, "drawn": 1, "real": 2}, epoch_samples=21)
        stream = NumberStream(mix, seed=4)
        return stateful.StatefulDataLoader(stream, 4, num_workers=2, collate_fn=collate)

    expected = [batch.keys for batch in make_loader()]
    for done in (1, 3):
        loader = make_loader()
        batches = iter(loader)
        first = [next(batches).keys for _ in range(done)]
        resumed = make_loader()
        resumed.load_state_dict(pickle.loads(pickle.dumps(loader.state_dict())))
        assert first + [batch.keys for batch in resumed] == expected


def test_wrong_mixes_are_refused(parts, tiny_config):
    """Other heights, weights of nothing, no samples, no boxes: one message that says what."""
    high = open_config(tiny_config(canvas={"height": 40}))["train"]
    with pytest.raises(ConfigError, match="one height, got a of 28 rows, b of 40 rows; set canvas"):
        Mix({"a": parts["stored"], "b": high}, {"a": 1, "b": 1})
    signs = {"train": {"numbers": {"values": ["1,5"]}, "samples": 2}}
    other = open_config(tiny_config(splits=signs))["train"]
    with pytest.raises(ConfigError, match=r"one alphabet, got a: 0 1 .* 9; b: 0 1 .* 9 ,; let"):
        Mix({"a": parts["stored"], "b": other}, {"a": 1, "b": 1})
    with pytest.raises(ConfigError, match="weights: real: expected a number above 0, got 0"):
        Mix(parts, {"stored": 1, "drawn": 1, "real": 0})
    with pytest.raises(ConfigError, match="mix: a: expected samples, got none"):
        Mix({"a": parts["stored"][:0]}, {"a": 1})
    whole = parts["stored"].dataset
    with pytest.raises(ConfigError, match=r"mix: a: expected a split, such as .*, got Dataset"):
        Mix({"a": whole}, {"a": 1})
    with pytest.raises(ConfigError, match=r"split: expected a split, such as .*, got Dataset"):
        NumberStream(whole)
    with pytest.raises(ConfigError, match="state: expected what state_dict returns, got NoneType"):
        NumberStream(parts["stored"]).load_state_dict(None)
    with pytest.raises(ConfigError, match="of one height, got none"):
        Mix({}, {})
    with pytest.raises(ConfigError, match="names of 1 to 32 letters, got ''"):
        Mix({"": parts["stored"]}, {"": 1})
    with pytest.raises(ConfigError, match="epoch_samples: expected at least 1, got 0"):
        Mix(parts, dict.fromkeys(parts, 1), epoch_samples=0)
    with pytest.raises(ConfigError, match="boxes: real: expected labels with boxes"):
        NumberStream(Mix(parts, dict.fromkeys(parts, 1)), boxes=True)
    both = {"stored": parts["stored"], "drawn": parts["drawn"]}
    stream = NumberStream(Mix(both, dict.fromkeys(both, 1)), boxes=True)
    assert len(stream) == 19
    batch = next(iter(DataLoader(stream, 19, collate_fn=collate)))
    for source, key, target in zip(batch.sources, batch.keys, batch.boxes, strict=True):
        expected = both[source].by_key(key).boxes[:, [2, 1, 4, 3]].tolist()
        assert target["boxes"].tolist() == expected


def test_all_transforms_of_a_config_in_a_mix(tiny_config, stored):
    """What a config draws is in a mix what it is alone."""
    live = open_config(tiny_config(**ALL_TRANSFORMS))["train"]
    mix = Mix({"a": stored, "b": live}, {"a": 1, "b": 1})
    (batch,) = DataLoader(NumberStream(mix, shuffle=False), 24, collate_fn=collate)
    assert batch.sources == ["a", "b"] * 12
    torch.testing.assert_close(batch.images[::2], batch.images[1::2], rtol=0, atol=0)
