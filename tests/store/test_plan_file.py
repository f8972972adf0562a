"""The plan file: who may build in a directory, and what other versions see of it."""

from __future__ import annotations

import hashlib
import json

import pytest

from builds import build, read_tree
from digit_sequence.base.errors import OutputError
from digit_sequence.base.names import PLAN_PATH
from digit_sequence.building.sampler import open_sampler
from digit_sequence.store.plan_file import load_plan, publish_plan
from digit_sequence.store.storage import Storage

GROWN = {
    "train": {"numbers": {"values": ["007", "42", "7"]}, "samples_per_number": 7},
    "test": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": 5},
}


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
    plan = open_sampler(config).plan
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
    publish_plan(storage, open_sampler(tiny_config(splits=splits)).plan, bank)
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
    assert message.startswith(
        f"{folder}: holds the build of another config. Nothing was touched; choose another output, "
        "or --overwrite to delete the dataset that is there. These differ:\n"
    )
    assert line in message
    assert read_tree(folder) == before


def test_only_what_differs_is_listed(tiny_config, folder):
    """A message about another config lists the keys that differ and no others."""
    build(tiny_config(), folder)
    with pytest.raises(OutputError) as caught:
        build(tiny_config(seed=9, line={"spacing": [2, 7]}), folder)
    lines = str(caught.value).splitlines()[1:]
    assert lines == ["  line.spacing: [2, 6] there, [2, 7] here", "  seed: 1 there, 9 here"]


def test_some_of_many_differences_are_listed(tiny_config, folder):
    """Of a config with little in common five differences are shown, and how many more there are."""
    build(tiny_config(), folder)
    canvas = {"height": 60, "width": 200, "align": "right"}
    line = {"spacing": [2, 7], "levels": {"paper": [200, 240], "ink": [0.1, 0.3]}}
    with pytest.raises(OutputError) as caught:
        build(tiny_config(seed=9, line=line, canvas=canvas), folder)
    _, *lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        *("  canvas.align", "  canvas.height", "  canvas.width", "  line.levels", "  line.spacing"),
        "  and 1 more",
    ]


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
    publish_plan(storage, open_sampler(tiny_config(splits=GROWN)).plan, bank)
    assert not (folder / "dataset.json").exists()


def test_dataset_does_not_shrink(tiny_config, folder):
    """Fewer samples are refused with both counts, and nothing is touched."""
    build(tiny_config(splits=GROWN), folder)
    before = read_tree(folder)
    with pytest.raises(OutputError, match=r"planned for 21 samples of train, .* got 12\. Nothing"):
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
    with pytest.raises(OutputError, match=r"install those .*\n  versions\.numpy: .1\.0. there, "):
        load_plan(storage)


def test_no_plan(tmp_path):
    """A folder that no build has claimed is an error that says so."""
    with pytest.raises(
        OutputError, match="expected a dataset built by this program, got an empty folder"
    ):
        load_plan(Storage(str(tmp_path)))
