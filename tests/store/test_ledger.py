"""The ledger: which shards are done, by one rule."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import build, read_tree
from digit_sequence.store.done import label_path
from digit_sequence.store.labels import encode_labels, read_commit, read_labels
from digit_sequence.store.ledger import FileSizes, Ledger, read_ledger

FOUR_SHARDS = {"train-00000", "train-00001", "train-00002", "test-00000"}


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_complete_shards_are_found(copy, storage, container):
    """All shards of a complete dataset are found, with what their footers say."""
    plan = copy(container=container)
    ledger = read_ledger(storage, plan)
    assert find_complete(storage, plan) == FOUR_SHARDS
    assert (ledger.n_done, ledger.done_samples) == (4, 17)
    again = Ledger(plan)
    for shard in plan.shards():
        with storage.open(label_path(shard)) as file:
            again.add(shard, read_commit(file))
    assert ledger.digest() == again.digest()
    assert ledger.describe_splits() == again.describe_splits()


def find_complete(storage, plan):
    """Return the names of the complete shards."""
    ledger = read_ledger(storage, plan)
    return {shard.name for shard in plan.shards() if shard in ledger}


def change_commit(path, **changes):
    """Write the footer of a label file anew with other values."""
    from dataclasses import replace

    commit = replace(read_commit(path), **changes)
    path.write_bytes(encode_labels(read_labels(path), commit))


def cut(path):
    """Cut the last byte of a file."""
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES = {
    "no label file": lambda images, labels: labels.unlink(),
    "label file cut": lambda images, labels: cut(labels),
    "label file empty": lambda images, labels: labels.write_bytes(b""),
    "label file foreign": lambda images, labels: pq.write_table(pa.table({"a": [1]}), labels),
    "other fingerprint": lambda images, labels: change_commit(labels, fingerprint="0" * 32),
    "other shard": lambda images, labels: change_commit(labels, shard="train-00000"),
    "other rows": lambda images, labels: change_commit(labels, rows=4),
    "no shard": lambda images, labels: images.unlink(),
    "shard cut": lambda images, labels: cut(images),
    "shard longer": lambda images, labels: images.write_bytes(images.read_bytes() + b"1"),
    "shard a folder": lambda images, labels: (images.unlink(), images.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_shard_is_not_complete(copy, storage, folder, damage, built):
    """A shard without its files as they were is not complete; others are."""
    plan = copy()
    damage(folder / "images/train/train-00001.tar", folder / "labels/train/train-00001.parquet")
    assert find_complete(storage, plan) == FOUR_SHARDS - {"train-00001"}


@pytest.mark.parametrize("damage", [Path.unlink, cut])
def test_shard_of_files_is_complete_with_all_of_them(copy, storage, folder, damage):
    """In the container files a shard lacks something if one image does."""
    plan = copy(container="files")
    damage(folder / "images/train/42/42_2.png")  # ordinal 7
    assert find_complete(storage, plan) == FOUR_SHARDS - {"train-00001"}


def test_damaged_dataset_is_mended(copy, folder, built, tiny_config):
    """A build after a damage writes that shard again, the same bytes, and no others."""
    from builds import ALL_TRANSFORMS

    copy()
    (folder / "images/train/train-00001.tar").unlink()
    result = build(tiny_config(**ALL_TRANSFORMS), folder)
    assert result.built_samples == 5
    assert read_tree(folder) == read_tree(built())


PATHS = st.builds(
    "images/{}/{}-{}{}".format,
    st.sampled_from(["train", "val", "train/x"]),
    st.sampled_from(["train", "val", "x"]),
    st.sampled_from(
        ["00000", "00001", "00012", "100000", "012", "000001", "9" * 18, "9" * 19, "+1"]
    ),
    st.sampled_from(["", ".", ".tar", ".parquet", ".tar.gz", "/7.png"]),
)


@given(files=st.dictionaries(PATHS, st.integers(0, 2**40)), asked=st.lists(PATHS))
def test_sizes_are_kept_without_names(files, asked):
    """Of any files it tells what a dict of their paths would; how many, and their bytes."""
    sizes = FileSizes(iter(files.items()))
    for path in [*files, *asked]:
        assert sizes.get(path) == files.get(path)
    assert (sizes.n_files, sizes.n_bytes) == (len(files), sum(files.values()))
