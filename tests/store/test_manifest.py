"""Manifest and card: written last, and what they say."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from ruamel.yaml import YAML

from builds import build, read_rows, read_tree
from digit_sequence import __version__
from digit_sequence.base.errors import OutputError
from digit_sequence.store.labels import read_commit
from digit_sequence.store.ledger import read_ledger
from digit_sequence.store.manifest import finalize


def test_manifest_needs_every_shard(copy, storage, folder):
    """With a shard missing there is neither a manifest nor a card."""
    plan = copy()
    for name in ("dataset.json", "README.md"):
        (folder / name).unlink()
    (folder / "labels/train/train-00002.parquet").unlink()
    ledger = read_ledger(storage, plan)
    with pytest.raises(
        OutputError, match=r"expected 4 shards, got 3; .* missing one is train-00002"
    ):
        finalize(storage, plan, ledger)
    assert not (folder / "dataset.json").exists()
    assert not (folder / "README.md").exists()


def test_finalize_again(copy, storage, folder):
    """To finalize a complete dataset again changes no byte."""
    plan = copy()
    before = read_tree(folder)
    finalize(storage, plan, read_ledger(storage, plan))
    assert read_tree(folder) == before


def test_manifest_says_what_is_there(copy, folder):
    """Counts, bytes and digest of the manifest are those of the files."""
    plan = copy()
    manifest = json.loads((folder / "dataset.json").read_text())
    rows = read_rows(folder).to_pylist()
    for name, n_samples, n_shards in (("train", 12, 3), ("test", 5, 1)):
        assert manifest["splits"][name] == {
            "samples": n_samples,
            "shards": n_shards,
            "bytes": sum(path.stat().st_size for path in folder.glob(f"images/{name}/*")),
            "scaled": sum(row["scaled"] for row in rows if row["split"] == name),
            "max_digits": max(row["n_digits"] for row in rows if row["split"] == name),
        }
    assert manifest["plan"]["fingerprint"] == plan.fingerprint
    assert manifest["plan"]["inputs"] == plan.inputs
    assert manifest["program"] == f"digit-sequence {__version__}"
    assert (manifest["container"], manifest["shard_samples"]) == ("webdataset", 5)
    assert manifest["image"] == {"format": "png", "height": 28, "width": 160, "min_width": 160}
    assert manifest["source"] == {"name": "idx", "digest": plan.source_digest}
    digest = hashlib.sha256()
    for split in ("train", "test"):
        for path in sorted(folder.glob(f"images/{split}/*.tar")):
            shard = hashlib.sha256(path.read_bytes()).hexdigest()
            labels = read_commit(folder / f"labels/{split}/{path.stem}.parquet").labels_digest
            digest.update(hashlib.sha256(f"{path.stem} {shard} {labels}".encode()).digest())
    assert manifest["digest"] == digest.hexdigest()


def test_digest_tells_datasets_apart(built, tiny_config, tmp_path):
    """The digest is that of the content: of the same build the same, of another another."""
    digests = [
        build(tiny_config(seed=seed), tmp_path / f"{seed}-{n}").manifest["digest"]
        for n, seed in enumerate((1, 1, 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_no_path_of_this_machine(copy, folder, tmp_path):
    """Nothing that is published with a dataset names a folder of the machine that built it."""
    copy()
    for path, content in read_tree(folder).items():
        if not path.startswith(".build/"):
            assert b"/tmp" not in content
            assert str(tmp_path.parent).encode() not in content


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_card(built, container):
    """The front matter is YAML that gives each split the pattern of its files, and of no others."""
    folder = built(container=container)
    _, front, text = re.split("^---$", (folder / "README.md").read_text(), maxsplit=2, flags=re.M)
    card = YAML(typ="safe").load(front)
    (config,) = card["configs"]
    assert [entry["split"] for entry in config["data_files"]] == ["train", "test"]
    for entry in config["data_files"]:
        found = {path for path in folder.glob(entry["path"]) if path.is_file()}
        if entry["path"].endswith("**"):  # in a glob of HF datasets, but not of Python, files too
            found = {path for path in folder.glob(f"{entry['path']}/*") if path.is_file()}
        assert found == {
            path for path in folder.glob(f"images/{entry['split']}/**/*") if path.is_file()
        }
    assert "ocr" in card["tags"]
    assert "license" not in card
    assert "| train | 12 | 3 |" in text


def test_card_of_mnist_has_its_license(tiny_config, folder):
    """Only a dataset of MNIST digits is under the licence of MNIST."""
    source = {"name": "mnist-5k"}
    splits = {"train": {"numbers": {"values": ["1"]}, "samples": 1}}
    build(tiny_config(source=source, splits=splits), folder)
    text = (folder / "README.md").read_text()
    assert "license: cc-by-sa-3.0" in text
    assert "MNIST: Y. LeCun" in text
    croissant = json.loads((folder / "croissant.json").read_text())
    assert croissant["license"] == "https://spdx.org/licenses/CC-BY-SA-3.0"
    assert "MNIST: Y. LeCun" in croissant["rai:dataCollectionRawData"]
