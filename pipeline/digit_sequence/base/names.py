"""Names inside a dataset directory: its files, its shards, its keys; made and parsed here alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from digit_sequence.base.errors import ConfigError

SCHEMA_VERSION = 2
"""Layout of the output directory and of its files."""
BUILD_FOLDER = ".build"
"""What loaders must not see: the plan, events, temporary files."""
PLAN_PATH = f"{BUILD_FOLDER}/plan.json"
MANIFEST_PATH = "dataset.json"
CARD_PATH = "README.md"
CROISSANT_PATH = "croissant.json"
CARD_PATHS = (CARD_PATH, CROISSANT_PATH)
TOP_NAMES = (MANIFEST_PATH, *CARD_PATHS, BUILD_FOLDER, "images", "labels")
"""What a build writes into a dataset directory, without what is in its folders."""

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


def shard_name(split: str, index: int) -> str:
    """Return the name of a shard: that of its files, without extension.

    >>> shard_name("train", 7)
    'train-00007'
    """
    return f"{split}-{index:05d}"


def label_file(split: str, shard: str) -> str:
    """Return the path of a shard's label file in the dataset.

    >>> label_file("train", "train-00007")
    'labels/train/train-00007.parquet'
    """
    return f"labels/{split}/{shard}.parquet"


def sample_key(split: str, ordinal: int) -> str:
    """Return the key of a sample, unique in its dataset.

    >>> sample_key("train", 42)
    'train-000000042'
    """
    return f"{split}-{ordinal:09d}"


def parse_shard(name: str) -> tuple[str, int]:
    """Return the split and the index that the name of a shard stands for.

    Raises
    ------
    ValueError
        If it is not the name of a shard, to the letter.

    >>> parse_shard("train-00042")
    ('train', 42)
    """
    match = re.fullmatch("([a-z]+)-([0-9]{5,18})", name)
    if match is None or shard_name(match[1], int(match[2])) != name:
        raise ValueError(f"expected the name of a shard, got {name!r}")
    return match[1], int(match[2])


def parse_key(key: str, samples: Mapping[str, int], place: str = "") -> tuple[str, int]:
    """Return the split and the ordinal that a key names; it needs no leading zeros.

    Parameters
    ----------
    key : str
    samples : mapping of str to int
        How many samples each split holds.
    place : str
        Where the samples are, for errors.

    Raises
    ------
    ConfigError
        If there is no such sample.

    >>> parse_key("train-42", {"train": 100}), parse_key("train-000000042", {"train": 100})
    (('train', 42), ('train', 42))
    """
    where = f"{place}: " if place else ""
    match = re.fullmatch("([a-z]+)-([0-9]{1,18})", key)
    if match is None or match[1] not in samples:
        raise ConfigError(
            f"{where}expected a key SPLIT-ORDINAL with a split of {', '.join(samples)}, such as "
            f"{sample_key(next(iter(samples)), 42)}, got {key!r}"
        )
    split, ordinal = match[1], int(match[2])
    if ordinal >= samples[split]:
        raise ConfigError(
            f"{where}{key}: {split} holds {samples[split]:,} samples: expected an ordinal of at "
            f"most {samples[split] - 1}, got {ordinal}"
        )
    return split, ordinal
