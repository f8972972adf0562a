"""Datasets drawn while they are read: the same as their builds, and splits without end."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from builds import ALL_TRANSFORMS, build, write_config
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.program import main
from digit_sequence.codec.run_lengths import decode_mask
from digit_sequence.live.dataset import open_config
from digit_sequence.read.dataset import open_dataset
from digit_sequence.store.label_schema import PLACE_COLUMNS

ENDLESS = {
    "train": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": None},
    "val": {"numbers": {"values": ["007", "42", "7"]}, "samples": None},
    "test": {"numbers": {"values": ["1", "2"]}, "samples": 4},
}


@pytest.fixture(scope="module")
def drawn(tiny_config):
    """Return the dataset that `built` gives, drawn: 12 samples of train, in shards of 5."""
    return open_config(tiny_config(**ALL_TRANSFORMS))


@pytest.fixture(scope="module")
def endless(tiny_config):
    """Return a dataset whose train and val have no end, in epochs of 7 samples."""
    return open_config(tiny_config(splits=ENDLESS), epoch_samples=7)


# -- the same as a build ---------------------------------------------------------------------------


def check_equal(drawn, stored):
    """Compare all samples, columns and batches of two datasets."""
    assert drawn.keys() == stored.keys()
    assert drawn.columns == [name for name in stored.columns if name not in PLACE_COLUMNS]
    assert (drawn.image_shape, drawn.shard_samples) == (stored.image_shape, stored.shard_samples)
    for name, split in drawn.items():
        other = stored[name]
        assert split.max_digits == other.max_digits
        assert split.labels().to_pylist() == other.labels(drawn.columns).to_pylist()
        for sample, expected in zip(split, other, strict=True):
            np.testing.assert_array_equal(sample.image, expected.image)
            assert sample.image.flags.writeable
            assert dict(sample.label) == {it: expected.label[it] for it in drawn.columns}
        assert split.read_encoded(range(3)) == other.read_encoded(range(3))
        for size in (1, 3, 20):
            columns = ["ordinal", "boxes", "number"]
            batches = zip(split.batches(size, columns), other.batches(size, columns), strict=True)
            for batch, expected in batches:
                np.testing.assert_array_equal(batch.images, expected.images)
                np.testing.assert_array_equal(batch.widths, expected.widths)
                assert batch.labels.to_pylist() == expected.labels.to_pylist()


@pytest.mark.parametrize("output", [{"container": "webdataset"}, {"image": "jpeg"}])
def test_samples_are_those_of_the_build(tiny_config, built, output):
    """With every transform, pixels and columns are those that reading the build gives."""
    check_equal(
        open_config(tiny_config(**ALL_TRANSFORMS, output=output)), open_dataset(built(**output))
    )


@pytest.mark.parametrize("image", ["png", "jpeg"])
def test_widths_masks_and_looks(tiny_config, tmp_path, image):
    """So they are with images of many widths, the masks and polygons of digits, and looks."""
    config = tiny_config(
        labels={"masks": "rle", "polygons": True},
        line={"spacing": [-8, 2]},
        canvas={"width": [40, 160]},
        output={"image": image},
    )
    build(config, tmp_path / "out")
    drawn = open_config(config)
    check_equal(drawn, open_dataset(tmp_path / "out"))
    sample = drawn["train"][1]
    masks = [decode_mask(text, *sample.image.shape) for text in sample.label["masks"]]
    np.testing.assert_array_equal(sample.masks, masks)


def test_signs_and_spaces(tiny_config, tmp_path):
    """So are numbers with signs and spaces, and conditions on these."""
    numbers = {"values": ["-1,5 \N{EURO SIGN}", "12:45", "50 %"]}
    config = tiny_config(splits={"train": {"numbers": numbers, "samples": 7}})
    build(config, tmp_path / "out")
    drawn, stored = open_config(config), open_dataset(tmp_path / "out")
    check_equal(drawn, stored)
    assert drawn.alphabet == stored.alphabet != "0123456789"
    for conditions in ({"digit": ","}, {"digit": [5, "%"]}, {"n_digits": 3}, {"number": "50 %"}):
        found = drawn["train"].where(**conditions)
        assert found.ordinals.tolist() == stored["train"].where(**conditions).ordinals.tolist()
        assert len(found)


@settings(max_examples=20)
@given(st.lists(st.integers(-12, 11), max_size=9))
def test_any_positions_in_any_order(drawn, positions):
    """Taken samples keep their order; a batch agrees with single samples."""
    train = drawn["train"]
    batch = train.take(positions).read_batch(range(len(positions)), ["ordinal", "pixel_hash"])
    assert batch.labels["ordinal"].to_pylist() == [position % 12 for position in positions]
    assert batch.images.shape == (len(positions), *drawn.image_shape)
    for image, hashed, position in zip(
        batch.images, batch.labels["pixel_hash"].to_pylist(), positions, strict=True
    ):
        sample = train[position]
        np.testing.assert_array_equal(image, sample.image)
        assert sample.label["pixel_hash"] == hashed


def test_keys_and_names(drawn):
    """A key names its sample; a dataset says what it is."""
    assert drawn.by_key("test-3").label["ordinal"] == 3
    assert drawn["train"][2:4].by_key("train-000000003").number == "007"
    assert f"{drawn!r}" == "<dataset drawn from a config: train 12, test 5>"
    with pytest.raises(ConfigError, match="train holds 12 samples"):
        drawn.by_key("train-000000012")
    with pytest.raises(ConfigError, match="a config: expected a split of train, test, got 'val'"):
        drawn["val"]


def test_an_engine_changes_no_pixel(tiny_config):
    """Both engines draw the same."""
    first, second = (
        open_config(tiny_config(), engine=engine)["test"].read_batch(range(5))
        for engine in ("skimage", None)
    )
    np.testing.assert_array_equal(first.images, second.images)


# -- filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "is_meant"),
    [
        ({"number": "007"}, lambda row: row["number"] == "007"),
        ({"n_digits": range(2, 4)}, lambda row: 2 <= row["n_digits"] < 4),
        ({"digit": [4, 2]}, lambda row: set(row["number"]) & set("42")),
        ({"ordinal": [3, 9], "shard": "train-00001"}, lambda row: row["ordinal"] == 9),
        ({"key": "train-000000004"}, lambda row: row["ordinal"] == 4),
        ({"width": 160, "height": 28, "row": 1}, lambda row: row["row"] == 1),
        ({"sample_index": 3}, lambda row: row["sample_index"] == 3),
    ],
)
def test_filters_need_no_drawing(drawn, monkeypatch, conditions, is_meant):
    """What is known beforehand is found by it, as a loop over all rows finds it."""
    rows = drawn["train"].labels().to_pylist()
    monkeypatch.setattr(type(drawn.sampler), "draw_ordinals", None)
    found = drawn["train"].where(**conditions)
    assert found.ordinals.tolist() == [row["ordinal"] for row in rows if is_meant(row)]
    assert found.labels(["number"]).to_pylist() == [
        {"number": row["number"]} for row in rows if is_meant(row)
    ]


def test_filters_by_expression(drawn):
    """An expression may name what is known; else it lists what is."""
    train = drawn["train"]
    assert train.where(pc.field("n_digits") == 3).ordinals.tolist() == [0, 3, 6, 9]
    with pytest.raises(ConfigError, match="expected an expression of the columns key, split"):
        train.where(pc.field("blur_sigma") > 0)


def test_filters_that_need_drawing_are_refused(drawn):
    """A condition on what was drawn says so, and on what there may be conditions."""
    with pytest.raises(
        ConfigError,
        match=r"config: blur_sigma: only drawing .* expected conditions on key",
    ):
        drawn["train"].where(blur_sigma=0.5)
    with pytest.raises(ConfigError, match="got 'length'; the columns are key, split, number"):
        drawn["train"].where(length=3)


# -- without end -----------------------------------------------------------------------------------


def test_every_epoch_is_new(endless, tiny_config):
    """Epochs follow each other in the samples of a build that is as large as one likes."""
    train = endless["train"]
    assert len(train) == 7
    columns = ["ordinal", "sample_index", "pixel_hash"]
    rows = [row for epoch in range(3) for row in train.at_epoch(epoch).labels(columns).to_pylist()]
    assert [row["ordinal"] for row in rows] == list(range(21))
    assert len({row["pixel_hash"] for row in rows}) == 21
    splits = {"train": ENDLESS["train"] | {"samples": 30}}
    whole = open_config(tiny_config(splits=splits))["train"]
    assert whole.labels(columns).to_pylist()[:21] == rows
    assert whole.at_epoch(5) is whole
    val = endless["val"].at_epoch(1).labels(["number", "sample_index"]).to_pylist()
    assert val[0] == {"number": "42", "sample_index": 2}  # ordinal 7, the third round of three


def test_an_endless_split_as_a_sequence(endless):
    """It is epoch 0; a slice has an end; any ordinal has a key."""
    train = endless["train"]
    assert [sample.label["ordinal"] for sample in train] == list(range(7))
    assert len(train[2:4].at_epoch(3)) == 2
    assert train.by_key("train-123456789012").label["ordinal"] == 123456789012
    assert "train without end, val without end, test 4" in repr(endless)
    with pytest.raises(ConfigError, match="expected a split that has an end to search"):
        train.where(n_digits=2)
    assert set(train.at_epoch(4).where(n_digits=2).ordinals) <= set(range(28, 35))


def test_an_endless_config_is_not_built(tiny_config, tmp_path):
    """A build says which split has no end, before anything is written."""
    config = tiny_config(splits=ENDLESS)
    with pytest.raises(ConfigError, match=r"splits\.train\.samples: expected a number of samples"):
        build(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    path = write_config(tmp_path / "endless.yaml", config, splits=ENDLESS)
    done = CliRunner().invoke(main, ["build", str(path), "--dry-run"])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {path}: splits.train.samples: expected a number of")
    assert "--set splits.train.samples=60000" in done.stderr


def test_an_end_must_be_left_out_on_purpose(tiny_config):
    """Without `samples` at all a config is refused, as before."""
    with pytest.raises(ConfigError, match="expected exactly one of samples, samples_per_number"):
        tiny_config(splits={"train": {"numbers": {"values": ["1"]}}})


# -- opening, processes ----------------------------------------------------------------------------


def test_opens_a_file(tiny_config, tmp_path):
    """A path is opened, with keys replaced; a config takes no overrides."""
    path = write_config(tmp_path / "tiny.yaml", tiny_config())
    assert len(open_config(path, ["splits.test.samples=9"])["test"]) == 9
    dataset = open_config(str(path))
    assert (dataset.uri, dataset.fingerprint) == (
        str(path),
        open_sampler(tiny_config()).plan.fingerprint,
    )
    with pytest.raises(ConfigError, match="overrides: expected none with a Config"):
        open_config(tiny_config(), ["seed=2"])
    with pytest.raises(ConfigError, match="epoch_samples: expected at least 1, got 0"):
        open_config(path, epoch_samples=0)


def _read_hashes(split):
    return split.labels(["pixel_hash"])["pixel_hash"].to_pylist()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_draw_the_same(drawn, endless, method):
    """Forked and spawned processes draw what this one does."""
    splits = [drawn["train"], drawn["test"].take([3, 1]), endless["train"].at_epoch(2)]
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map(_read_hashes, splits) == list(map(_read_hashes, splits))


def test_pickles_without_glyphs(drawn, endless):
    """What is sent to another process is the config, small; it is the same there."""
    for dataset in (drawn, endless):
        sent = pickle.dumps(dataset["train"])
        assert len(sent) < 50_000
        again = pickle.loads(sent)
        assert (type(again), len(again)) == (type(dataset["train"]), len(dataset["train"]))
        assert again.dataset.fingerprint == dataset.fingerprint
        assert _read_hashes(again) == _read_hashes(dataset["train"])
