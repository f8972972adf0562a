"""Names: keys and shard names, made and parsed in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import parse_key, parse_shard, sample_key, shard_name

SPLITS = st.sampled_from(["train", "val", "test"])


@given(SPLITS, st.integers(0, 10**12))
def test_keys_parse_back(split, ordinal):
    """A key gives back its split and ordinal, with leading zeros or without."""
    samples = {split: ordinal + 1, "other": 1}
    for key in (sample_key(split, ordinal), f"{split}-{ordinal}", f"{split}-0{ordinal}"):
        assert parse_key(key, samples) == (split, ordinal)


@pytest.mark.parametrize("key", ["", "train", "train-", "-1", "train-1\n", "Train-1", "train-1.0"])
def test_bad_keys(key):
    """What is no key is an error that shows one, and says where the samples are."""
    with pytest.raises(ConfigError) as caught:
        parse_key(key, {"train": 5, "val": 1}, "data/x")
    assert str(caught.value) == (
        "data/x: expected a key SPLIT-ORDINAL with a split of train, val, such as train-000000042, "
        f"got {key!r}"
    )


def test_key_beyond_the_end():
    """An ordinal that the split does not reach is an error that says how far it does."""
    with pytest.raises(ConfigError) as caught:
        parse_key("train-5", {"train": 5})
    assert str(caught.value) == (
        "train-5: train holds 5 samples: expected an ordinal of at most 4, got 5"
    )


@given(SPLITS, st.integers(0, 10**7))
def test_shards_parse_back(split, index):
    """The name of a shard gives back its split and index."""
    assert parse_shard(shard_name(split, index)) == (split, index)


@pytest.mark.parametrize(
    "name", ["", "train", "train-1", "train-000001", "train-00001.tar", "train-00001\n", "-00001"]
)
def test_bad_shards(name):
    """Only the name that a shard is given is one, to the letter."""
    with pytest.raises(ValueError, match="expected the name of a shard, got"):
        parse_shard(name)
