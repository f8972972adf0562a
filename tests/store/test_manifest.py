"""Plans, commits and manifests: who may build in a directory, and what is done in it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from builds import build, read_rows, read_tree
from digit_sequence import __version__
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import PLAN_PATH
from digit_sequence.build.sampler import open_config
from digit_sequence.store.labels import encode_labels, read_commit, read_labels
from digit_sequence.store.ledger import Ledger, label_path, read_ledger
from digit_sequence.store.manifest import finalize
from digit_sequence.store.plan_file import load_plan, publish_plan
from digit_sequence.store.storage import Storage

GROWN = {
    "train": {"numbers": {"values": ["007", "42", "7"]}, "samples_per_number": 7},
    "test": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": 5},
}
FOUR_SHARDS = {"train-00000", "train-00001", "train-00002", "test-00000"}


@pytest.fixture
def plan(tiny_config):
    """Return the plan of the tiny config: 12 and 5 samples, in shards of 5."""
    return open_config(tiny_config()).plan


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def storage(folder):
    """Return that folder as a storage."""
    return Storage(str(folder))


@pytest.fixture
def copy(built, folder):
    """Return a function that copies a built dataset into the folder, to change it."""

    def copy_built(**output):
        shutil.copytree(built(**output), folder)
        return load_plan(Storage(str(folder)))

    return copy_built


# -- the plan -------------------------------------------------------------------------------------


def test_empty_folder_is_claimed(storage, plan, folder, bank):
    """A plan goes into a folder that is not there, and nothing else does."""
    publish_plan(storage, plan, bank)
    assert set(read_tree(folder)) == {".build/plan.json", ".build/glyphs"}
    document = json.loads((folder / ".build/plan.json").read_text())
    assert document["fingerprint"] == plan.fingerprint
    assert document["samples"] == {"train": 12, "test": 5}


def test_plan_is_published_once(storage, plan, folder, bank):
    """The same plan is taken up again, and its file is left as it is."""
    publish_plan(storage, plan, bank)
    before = (folder / PLAN_PATH).stat()
    publish_plan(storage, plan, bank)
    assert (folder / PLAN_PATH).stat() == before


def test_plan_comes_back(storage, plan, bank):
    """A plan that was published can be taken up from the folder alone."""
    publish_plan(storage, plan, bank)
    loaded = load_plan(storage)
    assert loaded.fingerprint == plan.fingerprint
    assert list(loaded.shards()) == list(plan.shards())


@pytest.mark.parametrize(
    "numbers",
    [
        {"values": ["0", "00", "000"]},
        {"range": {"first": 5, "last": 10**17, "step": 10**15, "width": 20}},
        {"random": {"lengths": {1: 0.5, 3: 2}, "leading_zeros": False, "balance": True}},
        {"random": {"lengths": [2, 4], "count": 3}},
    ],
)
def test_plan_of_any_numbers_comes_back(storage, tiny_config, numbers, bank):
    """Whatever the numbers are, the plan in the folder gives the same ones."""
    config = tiny_config(splits={"train": {"numbers": numbers, "samples": 9}})
    plan = open_config(config).plan
    publish_plan(storage, plan, bank)
    loaded = load_plan(storage).splits["train"].identities(0, 9)
    numbers, indices = plan.splits["train"].identities(0, 9)
    assert loaded[0] == numbers
    assert loaded[1].tolist() == indices.tolist()


def test_plan_has_the_numbers_of_files(storage, tiny_config, tmp_path, bank):
    """Numbers from a file are in the plan, which does not need the file any more."""
    path = tmp_path / "numbers.txt"
    path.write_text("007\n12\n")
    splits = {"train": {"numbers": {"file": {"path": str(path)}}, "samples": 4}}
    publish_plan(storage, open_config(tiny_config(splits=splits)).plan, bank)
    path.unlink()
    assert load_plan(storage).splits["train"].identities(0, 4)[0] == ["007", "12"] * 2


OTHER_CONFIGS = {
    "seed": ({"seed": 2}, "  seed: 1 there, 2 here"),
    "canvas": ({"canvas": {"width": 161}}, "  canvas.width: 160 there, 161 here"),
    "glyph": ({"glyph": {"crop": {"margin": 1}}}, "  glyph.crop: null there"),
    "shard": ({"output": {"shard_samples": 6}}, "  output.shard_samples: 5 there, 6 here"),
    "container": ({"output": {"container": "files"}}, '  output.container: "webdataset" there'),
    "numbers": (
        {"splits": {"train": {"numbers": {"values": ["1"]}, "samples": 12}}},
        "  numbers.test: {",
    ),
}


@pytest.mark.parametrize(("change", "line"), OTHER_CONFIGS.values(), ids=OTHER_CONFIGS)
def test_other_config_is_refused(tiny_config, folder, change, line):
    """A folder of another config is refused with the keys that differ, and is not touched."""
    build(tiny_config(), folder)
    before = read_tree(folder)
    with pytest.raises(OutputError) as caught:
        build(tiny_config(**change), folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: holds the build of another config; these differ:\n")
    assert line in message
    assert message.endswith("choose another output, or --overwrite to delete that dataset")
    assert read_tree(folder) == before


def test_only_what_differs_is_listed(tiny_config, folder):
    """A message about another config lists the keys that differ and no others."""
    build(tiny_config(), folder)
    with pytest.raises(OutputError) as caught:
        build(tiny_config(seed=9, line={"spacing": [2, 7]}), folder)
    lines = str(caught.value).splitlines()[1:-1]
    assert lines == ["  line.spacing: [2, 6] there, [2, 7] here", "  seed: 1 there, 9 here"]


@pytest.mark.parametrize("name", ["photo.jpg", "images/train/train-00000.tar", "README.md"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_foreign_folder_is_refused(folder, tiny_config, name, overwrite):
    """A folder with files of someone else is refused, --overwrite or not, and is not touched."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(b"mine")
    with pytest.raises(OutputError, match=f"{name} among them; choose another output"):
        build(tiny_config(), folder, overwrite=overwrite)
    assert read_tree(folder) == {name: b"mine"}


def test_overwrite_replaces(folder, tiny_config, tmp_path):
    """--overwrite leaves what a build into an empty folder leaves."""
    build(tiny_config(output={"container": "files"}), folder)
    build(tiny_config(seed=2), folder, overwrite=True)
    build(tiny_config(seed=2), tmp_path / "fresh")
    assert read_tree(folder) == read_tree(tmp_path / "fresh")


def test_overwrite_of_nothing(folder, tiny_config, tmp_path):
    """--overwrite may be given for an empty folder."""
    build(tiny_config(), folder, overwrite=True)
    build(tiny_config(), tmp_path / "fresh")
    assert read_tree(folder) == read_tree(tmp_path / "fresh")


def test_overwrite_keeps_other_files(folder, tiny_config):
    """--overwrite deletes what a build writes and nothing beside it."""
    build(tiny_config(), folder)
    (folder / "notes.txt").write_text("mine")
    build(tiny_config(seed=2), folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_overwrite_begins_with_the_manifest(copy, folder, tiny_config):
    """An --overwrite that cannot go on does not leave a manifest that promises a dataset."""
    copy()
    (folder / "README.md").unlink()
    (folder / "README.md/in_the_way").mkdir(parents=True)
    with pytest.raises(OutputError):
        build(tiny_config(), folder, overwrite=True)
    assert not (folder / "dataset.json").exists()


def test_dataset_grows(tiny_config, folder, tmp_path):
    """More samples keep full shards byte for byte and untouched, and write the last one again."""
    build(tiny_config(), folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}
    tree = read_tree(folder)
    result = build(tiny_config(splits=GROWN), folder)
    assert result.built_samples == 21 - 10
    for shard in ("images/train/train-00000.tar", "images/test/test-00000.tar"):
        for path in (shard, shard.replace("images", "labels").replace(".tar", ".parquet")):
            assert (folder / path).read_bytes() == tree[path]
            assert (folder / path).stat().st_mtime_ns == before[folder / path]
    build(tiny_config(splits=GROWN), tmp_path / "fresh")
    assert read_tree(folder) == read_tree(tmp_path / "fresh")


def test_growing_dataset_has_no_manifest(tiny_config, folder, storage, bank):
    """As soon as a larger plan is published, the dataset does not pass for complete."""
    build(tiny_config(), folder)
    publish_plan(storage, open_config(tiny_config(splits=GROWN)).plan, bank)
    assert not (folder / "dataset.json").exists()


def test_dataset_does_not_shrink(tiny_config, folder):
    """Fewer samples are refused with both counts, and nothing is touched."""
    build(tiny_config(splits=GROWN), folder)
    before = read_tree(folder)
    with pytest.raises(OutputError, match=r"planned for 21 samples of train, .* got 12\nNothing"):
        build(tiny_config(), folder)
    assert read_tree(folder) == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"null", b"1", b"{}", b'{"fingerprint": 1}', b"[" * 100_000],
)
def test_corrupt_plan(copy, folder, tiny_config, content):
    """A plan.json that is none is an error that names it, to build, to overwrite and to read."""
    copy()
    (folder / PLAN_PATH).write_bytes(content)
    before = read_tree(folder)
    for use in (
        lambda: build(tiny_config(), folder),
        lambda: build(tiny_config(), folder, overwrite=True),
        lambda: load_plan(Storage(str(folder))),
    ):
        with pytest.raises(OutputError, match=r"out: \.build/plan\.json: "):
            use()
    assert read_tree(folder) == before


def test_plan_of_other_versions(copy, folder, storage):
    """A plan made with other versions is an error that lists them and what to do."""
    copy()
    document = json.loads((folder / PLAN_PATH).read_text())
    document["inputs"]["versions"]["numpy"] = "1.0"
    document["fingerprint"] = "0" * 32
    del document["sha256"]
    text = json.dumps(document, sort_keys=True).encode()
    document["sha256"] = hashlib.sha256(text).hexdigest()
    (folder / PLAN_PATH).write_text(json.dumps(document))
    with pytest.raises(OutputError, match=r'versions\.numpy: "1\.0" there, .* here\ninstall the'):
        load_plan(storage)


def test_no_plan(tmp_path):
    """A folder that no build has claimed is an error that says so."""
    with pytest.raises(OutputError, match="expected a dataset built by this program, got none"):
        load_plan(Storage(str(tmp_path)))


# -- commits --------------------------------------------------------------------------------------


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


# -- manifest and card ----------------------------------------------------------------------------


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
    assert manifest["image"] == {"format": "png", "height": 28, "width": 160}
    assert manifest["source"] == {"name": "idx", "digest": plan.source_digest}
    digest = hashlib.sha256()
    for split in ("train", "test"):
        for path in sorted(folder.glob(f"images/{split}/*.tar")):
            shard = hashlib.sha256(path.read_bytes()).hexdigest()
            labels = read_commit(folder / f"labels/{split}/{path.stem}.parquet").labels_sha256
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
