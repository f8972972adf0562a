"""Croissant metadata: what it says of files is so, and mlcroissant loads what the reader reads."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from builds import ALL_TRANSFORMS, ROOT, build, read_rows
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import SCHEMA_VERSION
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.read.dataset import open_dataset
from digit_sequence.store import ledger as ledgers
from digit_sequence.store.croissant import make_croissant
from digit_sequence.store.ledger import read_ledger

CONTAINERS = ["webdataset", "parquet", "files"]


def load_card(folder):
    """Return the metadata of a dataset."""
    return json.loads((folder / "croissant.json").read_text())


def find_sources(tree):
    """Yield every source, and what a source refers to."""
    if isinstance(tree, dict):
        yield from (tree[name] for name in ("source", "references") if name in tree)
        tree = list(tree.values())
    if isinstance(tree, list):
        for inner in tree:
            yield from find_sources(inner)


@pytest.mark.parametrize("container", CONTAINERS)
def test_files_are_as_listed(built, container):
    """Each file of a shard has the size and the digest that are listed; sets match files."""
    folder = built(container=container)
    card = load_card(folder)
    listed = {it["contentUrl"]: it for it in card["distribution"] if "contentUrl" in it}
    images = sorted((folder / "images").rglob("*.*"))
    assert set(listed) == {
        path.relative_to(folder).as_posix() for path in images if container != "files"
    }
    for path, entry in listed.items():
        content = (folder / path).read_bytes()
        assert entry["contentSize"] == f"{len(content)} B"
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    sets = {it["@id"]: it for it in card["distribution"] if it["@type"] == "cr:FileSet"}
    assert set(sets) == {"label-files", "image-files"}
    inside = [it["@id"] for it in sets["image-files"].get("containedIn", ())]
    assert inside == (list(listed) if container == "webdataset" else [])
    sources = list(find_sources(card["recordSet"]))
    assert {source["fileSet"]["@id"] for source in sources} == set(sets)
    columns = open_dataset(folder).columns
    of_labels = [source for source in sources if source["fileSet"]["@id"] == "label-files"]
    assert {source["extract"]["column"] for source in of_labels} == {*columns}


def test_what_croissant_cannot_say(tiny_config, folder):
    """Nested lists are left out of the labels; all else is a field."""
    build(tiny_config(labels={"masks": "rle", "polygons": True}), folder)
    fields = next(it["field"] for it in load_card(folder)["recordSet"] if it["@id"] == "labels")
    assert {it["name"] for it in fields} == {*open_dataset(folder).columns} - {"polygons"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_too_many_files(copy, storage, folder, monkeypatch, container):
    """Beyond a limit files are not listed; images of archives are then told of, not described."""
    plan = copy(container=container)
    monkeypatch.setattr(ledgers, "MOST_LISTED", 3)
    manifest = json.loads((folder / "dataset.json").read_text())
    card = make_croissant(plan, read_ledger(storage, plan), manifest)
    assert not [it for it in card["distribution"] if "contentUrl" in it]
    has_samples = "samples" in {it["@id"] for it in card["recordSet"]}
    assert has_samples == (container != "webdataset")
    assert ("more archives than are listed" in card["description"]) != has_samples


def test_odd_strings(tiny_config, tiny_source, folder):
    """Names that a user gives, of parts and of folders, are text and nothing else, in all cards."""
    odd = '"}, {"@id": "\u202e</script>\\ \n---\nlicense: mine\n\'../é'
    where = folder.parent / odd.replace("/", "|")
    where.mkdir()
    source = {**tiny_source, "images": shutil.copy(tiny_source["images"], where)}
    parts = {odd: {"source": source}, "../../other": {"source": tiny_source}}
    look = {"weight": 1, "line": {"noise": {"sigma": [1, 2]}}}
    build(tiny_config(source={"name": "mix", "parts": parts}, look={"a.-_9": look}), folder)
    card = load_card(folder)
    assert (folder / "croissant.json").read_bytes().isascii()
    assert [it["@id"] for it in card["recordSet"]] == ["samples", "labels", "splits"]
    assert "in the looks a.-_9: " in card["rai:dataPreprocessingProtocol"][0]
    assert {it["name"] for it in card["distribution"]} >= {"label-files", "train-00000"}
    _, front, _ = (folder / "README.md").read_text().split("---\n", 2)
    assert set(parse_yaml(front, "README.md")) == {"configs", "task_categories", "tags"}


@pytest.mark.parametrize("name", ['a"b', "<b>", "a\nb", "é", "../a", "", "a" * 65])
def test_odd_names_of_looks_are_refused(tiny_config, name):
    """A look has a name that is the same in JSON, HTML, SQL and on a disk."""
    with pytest.raises(ConfigError, match="a name of 1 to 64 of A to Z"):
        tiny_config(look={name: {"weight": 1, "line": {}}})


def test_what_a_build_knows_of_itself(built):
    """The RAI fields name the source, its digest and the seed, and every transform."""
    folder = built()
    card, manifest = load_card(folder), json.loads((folder / "dataset.json").read_text())
    assert (
        manifest["croissant_sha256"]
        == hashlib.sha256((folder / "croissant.json").read_bytes()).hexdigest()
    )
    assert card["version"] == f"{SCHEMA_VERSION}.0.0+{manifest['digest'][:16]}"
    assert manifest["source"]["digest"] in card["rai:dataCollection"]
    (transforms, _) = card["rai:dataPreprocessingProtocol"]
    for section in ALL_TRANSFORMS.values():
        assert all(f" {name}" in transforms for name in section)
    assert "license" not in card  # of files of one's own nobody knows


# -- with the package of MLCommons -----------------------------------------------------------------


def load_with_mlcroissant(folder, cache):
    """Return what mlcroissant finds in a dataset."""
    if find_spec("mlcroissant") is None:
        pytest.skip("needs mlcroissant")
    done = subprocess.run(
        [sys.executable, ROOT / "tests/loaders/read_croissant.py", folder / "croissant.json"],
        env={**os.environ, "CROISSANT_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Could not match" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def describe(sample):
    """Return a sample as the script describes its record."""
    digest = hashlib.sha256(sample.image.tobytes()).hexdigest()
    split = sample.key.partition("-")[0]
    return sample.key, split, sample.number, [*sample.image.shape, digest]


def assert_same(folder, found):
    """Check that records are what the reader reads, each once."""
    dataset = open_dataset(folder)
    assert not found["errors"]
    assert [text.partition('"')[2].partition('"')[0] for text in found["warnings"]] == [
        *("http://mlcommons.org/croissant/citeAs", "https://schema.org/datePublished"),
        *(["https://schema.org/license"] if "license" not in load_card(folder) else []),
    ]
    expected = sorted(describe(sample) for split in dataset.values() for sample in split)
    fields = ("key", "split", "number", "image")
    assert sorted(tuple(it[name] for name in fields) for it in found["samples"]) == expected
    assert sorted(it["key"] for it in found["test"]) == [sample.key for sample in dataset["test"]]
    rows = {row["key"]: row for row in read_rows(folder).drop_columns("polygons").to_pylist()}
    assert {row["key"]: row for row in found["labels"]} == rows
    assert found["splits"] == [{"name": name, "samples": len(it)} for name, it in dataset.items()]


@pytest.mark.extras
@pytest.mark.parametrize("container", CONTAINERS)
def test_records_are_those_of_the_reader(tiny_config, tmp_path, container):
    """Images, numbers and label rows with boxes and masks; the metadata has no error."""
    splits = {
        "train": {"numbers": {"values": ["007", "42", "$1,5"]}, "samples": 12},
        "test": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": 5},
    }
    labels = {"masks": "rle", "polygons": True}
    output = {"container": container, "shard_samples": 5}
    config = tiny_config(**ALL_TRANSFORMS, splits=splits, labels=labels, output=output)
    build(config, tmp_path / "out")
    assert_same(tmp_path / "out", load_with_mlcroissant(tmp_path / "out", tmp_path / "cache"))
