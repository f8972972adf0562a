"""Names inside a dataset directory: its files, its shards, its keys. Needs nothing to import."""

from __future__ import annotations

from typing import Literal, get_args

SCHEMA_VERSION = 1
"""Layout of the output directory and of its files."""
BUILD_FOLDER = ".build"
"""What loaders must not see: the plan, events, temporary files."""
PLAN_PATH = f"{BUILD_FOLDER}/plan.json"
MANIFEST_PATH = "dataset.json"
CARD_PATH = "README.md"

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
