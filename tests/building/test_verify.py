"""Verification: every damage to every kind of file is found, named and mended."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from builds import FEW_TRANSFORMS, open_cluster, read_tree
from conftest import sift
from digit_sequence.base.digests import hash_pixels
from digit_sequence.base.errors import BuildError, BuildStopped, OutputError
from digit_sequence.building.sampler import open_output
from digit_sequence.building.verify import verify_dataset
from digit_sequence.cli.program import main
from digit_sequence.codec.encoding import encode_image
from digit_sequence.config.output import Output
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.sidecars import SIDECARS
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, TaskLost, open_scheduler
from digit_sequence.sources.bank import pack_bank
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.idx import IdxSettings
from digit_sequence.store.labels import encode_labels, hash_rows, read_commit, read_labels
from digit_sequence.store.ledger import make_target, read_ledger
from digit_sequence.store.plan_file import load_plan, to_json
from digit_sequence.store.storage import Storage


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture(scope="module")
def cache(tiny_source, tmp_path_factory):
    """Return a cache with the digits, as the machine has that built the dataset."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(cache))
        load_bank(IdxSettings.model_validate(tiny_source))
    return cache


@pytest.fixture
def copy(built_of_few, folder, cache, monkeypatch):
    """Return a function that copies a built dataset into the folder, to damage it."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(cache))

    def copy_built(**output):
        return Path(shutil.copytree(built_of_few(**output), folder))

    return copy_built


def find_problems(folder, scheduler="synchronous", **options):
    """Verify a dataset and return (path, reason) of its problems."""
    with open_scheduler(SchedulerOptions(scheduler, workers=2)) as run:
        result = verify_dataset(Storage(str(folder)), run, **options)
    return [(problem.path, problem.reason) for problem in result.problems]


def run(*arguments):
    """Run the command line in this process."""
    command = [*map(str, arguments), "--scheduler", "synchronous"]
    return CliRunner().invoke(main, command)


def read_whole(folder):
    """Return every file of a dataset but those of its runs and its quarantine."""
    tree = read_tree(folder)
    return {path: tree[path] for path in tree if not path.startswith(".build/quarantine/")}


# -- sound ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
@pytest.mark.parametrize("image", ["png", "jpeg"])
def test_sound_dataset(built, container, image):
    """A dataset as it was built has no problem, whatever its form, drawn again or not."""
    folder = built(container=container, image=image)
    assert find_problems(folder, redraw=17) == []
    result = run("verify", folder, "--sample", 4)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "sound: 4 shards, 17 samples, 4 of them drawn again\n"


def test_quick_sound_dataset(built):
    """The quick verification of a sound dataset finds nothing either."""
    result = run("verify", built(), "--quick")
    assert (result.exit_code, result.stdout) == (0, "sound: 4 shards, 17 samples\n")


@pytest.mark.parametrize("sidecar", SIDECARS)
def test_sound_sidecars(built, sidecar):
    """Whatever stands beside the images, a dataset as it was built has no problem."""
    assert find_problems(built(sidecar=sidecar), redraw=17) == []


@pytest.mark.parametrize("n_losses", [1, 2])
def test_lost_task_gets_another_chance(built, n_losses):
    """A task that is lost with its worker is done again, once."""
    losses = list(range(n_losses))
    with open_scheduler(SchedulerOptions("synchronous")) as here:

        def execute(tasks, hand_over, should_stop):
            first, *others = tasks
            if losses:
                losses.pop()
                hand_over(TaskLost(first.key, "KilledWorker: it died"))
            else:
                others = [first, *others]
            here.execute(others, hand_over, should_stop)

        unsteady = replace(here, execute=execute)
        if n_losses == 1:
            result = verify_dataset(Storage(str(built())), unsteady)
            assert (result.problems, result.n_shards) == ((), 4)
        else:
            with pytest.raises(BuildError, match=r"train-00000: KilledWorker.*; verify again"):
                verify_dataset(Storage(str(built())), unsteady)


def test_quick_verification_starts_no_processes(copy, monkeypatch):
    """The quick verification is done by the program itself, and can be stopped."""
    monkeypatch.setattr("digit_sequence.run.schedulers.open_processes", None)
    folder = copy()
    assert run("verify", folder, "--quick").exit_code == 0
    with (
        open_scheduler(SchedulerOptions("synchronous")) as here,
        pytest.raises(BuildStopped, match="verified in part only"),
    ):
        verify_dataset(Storage(str(folder)), here, quick=True, should_stop=lambda: True)


def test_damaged_digits_hide_what_images_hold(copy):
    """With damaged digits no image is looked at, which is said; repairing looks at all of them."""
    folder = copy()
    (folder / ".build/glyphs").unlink()
    shard = folder / "images/train/train-00001.tar"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    result = run("verify", folder, "--sample", 3)
    assert result.exit_code == 1
    assert "1 problem in 4 shards, 17 samples, of which no image was looked" in result.stdout
    result = run("verify", folder, "--sample", 3, "--repair")
    assert result.exit_code == 0
    assert "train-00001.tar  sha256: expected" in result.stdout
    assert "3 of them drawn again" in result.stdout
    assert find_problems(folder) == []


def test_verification_writes_nothing(copy):
    """To verify changes no file."""
    folder = copy()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    run("verify", folder, "--sample", 3)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    "scheduler", ["synchronous", "threads", pytest.param("processes", marks=pytest.mark.slow)]
)
def test_schedulers_find_the_same(copy, scheduler):
    """Each scheduler finds each problem."""
    folder = copy()
    for name in ("train-00000", "test-00000"):
        path = folder / f"images/{name.split('-')[0]}/{name}.tar"
        path.write_bytes(bytes(path.stat().st_size))
    found = find_problems(folder, scheduler)
    assert sorted(path for path, _ in found) == [
        "images/test/test-00000.tar",
        "images/train/train-00000.tar",
    ]


def test_cluster_finds_the_same(copy, tmp_path, forks):
    """A cluster finds a problem as well."""
    folder = copy()
    path = folder / "images/test/test-00000.tar"
    path.write_bytes(bytes(path.stat().st_size))
    with open_cluster(tmp_path / "cluster", 1, forks) as cluster:
        assert [path for path, _ in find_problems(folder, cluster.address)] == [
            "images/test/test-00000.tar"
        ]


# -- the mutation table ---------------------------------------------------------------------------


def flip(share):
    """Return a mutation that flips one byte, at a share of the file."""

    def flip_byte(path, _sibling):
        content = bytearray(path.read_bytes())
        content[min(len(content) - 1, int(len(content) * share))] ^= 0xFF
        path.write_bytes(content)

    return flip_byte


def truncate(path, _sibling):
    """Cut the file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_last(path, _sibling):
    """Cut the last byte."""
    path.write_bytes(path.read_bytes()[:-1])


def swap(path, sibling):
    """Exchange two files."""
    first, second = path.read_bytes(), sibling.read_bytes()
    path.write_bytes(second)
    sibling.write_bytes(first)


def duplicate(path, _sibling):
    """Make a second file of the same content beside it."""
    path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())


MUTATIONS = {
    "truncate": truncate,
    "cut the last byte": cut_last,
    "flip the first byte": flip(0),
    "flip a byte early": flip(0.2),
    "flip a byte in the middle": flip(0.5),
    "flip a byte late": flip(0.8),
    "flip the last byte": flip(1),
    "empty": lambda path, _: path.write_bytes(b""),
    "delete": lambda path, _: path.unlink(),
    "swap": swap,
    "duplicate": duplicate,
}
FILES = {
    "tar shard": ({}, "images/train/train-00000.tar", "images/train/train-00001.tar"),
    "parquet shard": (
        {"container": "parquet"},
        "images/train/train-00000.parquet",
        "images/train/train-00001.parquet",
    ),
    "image file": (
        {"container": "files"},
        "images/train/42/42_2.png",
        "images/train/42/42_3.png",
    ),
    "JPEG file": (
        {"container": "files", "image": "jpeg"},
        "images/train/42/42_2.jpg",
        "images/train/007/007_1.jpg",
    ),
    "label file": ({}, "labels/train/train-00000.parquet", "labels/train/train-00001.parquet"),
    "manifest": ({}, "dataset.json", "README.md"),
    "card": ({}, "README.md", "dataset.json"),
    "croissant": ({}, "croissant.json", "README.md"),
    "plan": ({}, ".build/plan.json", ".build/glyphs"),
    "glyphs": ({}, ".build/glyphs", "labels/test/test-00000.parquet"),
}


@pytest.mark.parametrize(("kind", "mutation"), sift(product(FILES, MUTATIONS), 4))
def test_damage_is_found_and_mended(copy, kind, mutation):
    """Each damage is told with file and reason, exit code 1; repaired, all bytes are as before."""
    output, name, sibling = FILES[kind]
    folder = copy(**output)
    before = read_whole(folder)
    MUTATIONS[mutation](folder / name, folder / sibling)
    after = read_whole(folder)
    assert after != before
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    result = run("verify", folder)
    assert result.exit_code == 1, result.output
    header, *lines = result.stdout.splitlines()
    assert re.match(rf"{len(lines)} problems? in 4 shards, 17 samples", header)
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert changed <= set(told), told
    assert all(told.values())
    assert read_whole(folder) == after
    assert run("verify", folder, "--repair").exit_code == 0
    assert read_whole(folder) == before
    assert run("verify", folder).exit_code == 0


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("mutation", ["truncate", "empty", "delete", "duplicate"])
def test_quick_finds_sizes(copy, kind, mutation):
    """The quick verification finds what changes names, sizes and footers."""
    output, name, sibling = FILES[kind]
    folder = copy(**output)
    before = read_whole(folder)
    MUTATIONS[mutation](folder / name, folder / sibling)
    result = run("verify", folder, "--quick", "--repair")
    assert " in 4 shards, 17 samples:" in result.stdout
    assert f"copy-{Path(name).name}" if mutation == "duplicate" else name in result.stdout
    assert result.exit_code == 0, result.output
    assert read_whole(folder) == before


def test_quarantine_keeps_strays(copy):
    """Files that are none of the dataset's are moved, not lost; hidden ones are left alone."""
    folder = copy()
    for name in ("notes.txt", "images/train/cat.jpg", ".gitattributes", ".git/config"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    assert [path for path, _ in find_problems(folder)] == ["images/train/cat.jpg", "notes.txt"]
    assert run("verify", folder, "--repair").exit_code == 0
    kept = {path.name: path.read_text() for path in folder.glob(".build/quarantine/**/*.*")}
    assert kept == {"notes.txt": "notes.txt", "cat.jpg": "images/train/cat.jpg"}
    assert (folder / ".gitattributes").exists()
    assert (folder / ".git/config").exists()


def make_folder(path):
    """Make a folder with a file in it."""
    path.mkdir()
    (path / "inside").write_bytes(b"inside")


@pytest.mark.parametrize("put", [make_folder, os.mkfifo], ids=["folder", "pipe"])
@pytest.mark.parametrize("kind", [*FILES, "probe"])
def test_what_is_no_file_is_told_and_moved_away(copy, kind, put):
    """A folder or a pipe in a file's place is damage as any other, and is waited for by nobody."""
    output, name, _ = FILES.get(kind, ({}, ".build/probe", None))
    folder = copy(**output)
    before = read_whole(folder)
    (folder / name).unlink(missing_ok=True)
    put(folder / name)
    for option in ("--quick", "--sample=2"):
        result = run("verify", folder, option)
        assert result.exit_code == 1, result.output
        assert re.search(f"(?m)^  {re.escape(name)} +is not a file$", result.stdout), result.output
    assert run("verify", folder, "--repair").exit_code == 0
    assert read_whole(folder) == before
    assert run("verify", folder).exit_code == 0


@pytest.mark.parametrize("name", ["images", "labels"])
def test_file_in_place_of_a_folder(copy, name):
    """A file where a folder is to be is told with all that is missing for it."""
    folder = copy()
    before = read_whole(folder)
    shutil.rmtree(folder / name)
    (folder / name).write_bytes(b"")
    result = run("verify", folder, "--quick")
    assert result.exit_code == 1, result.output
    assert re.search(f"(?m)^  {name} +is no file of this dataset$", result.stdout), result.output
    assert run("verify", folder, "--repair").exit_code == 0
    assert read_whole(folder) == before


def test_repair_builds_only_what_is_broken(copy):
    """Sound shards are not touched by a repair."""
    folder = copy()
    damaged = folder / "images/train/train-00001.tar"
    flip(0.5)(damaged, None)
    (folder / ".build/glyphs").unlink()
    times = {path: path.stat().st_mtime_ns for path in folder.glob("[il]*/*/*")}
    result = run("verify", folder, "--repair")
    assert result.exit_code == 0
    assert "built 5 images" in result.stdout
    after = {path: path.stat().st_mtime_ns for path in folder.glob("[il]*/*/*")}
    assert {path for path in times if times[path] != after[path]} == {
        damaged,
        folder / "labels/train/train-00001.parquet",
    }


def test_everything_at_once(copy):
    """A dataset in which every kind of file is damaged is mended in one go."""
    folder = copy()
    before = read_whole(folder)
    for name in (".build/glyphs", "README.md", "images/train/train-00000.tar"):
        flip(0.5)(folder / name, None)
    (folder / "labels/train/train-00001.parquet").unlink()
    (folder / ".build/plan.json").unlink()
    assert run("verify", folder, "--repair").exit_code == 0
    assert read_whole(folder) == before


def test_no_sound_plan(copy):
    """Without a plan, in its file or in the manifest, there is nothing to verify against."""
    folder = copy()
    (folder / ".build/plan.json").write_bytes(b"{}")
    (folder / "dataset.json").unlink()
    result = run("verify", folder)
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert ".build/plan.json: is not the plan of a build" in result.stderr


def test_glyphs_are_nowhere(copy, tmp_path, monkeypatch):
    """Digits that neither the dataset nor the cache has are an error that says how to get them."""
    folder = copy()
    (folder / ".build/glyphs").unlink()
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "cache"))
    result = run("verify", folder, "--repair")
    assert result.exit_code == 2
    assert "are not in the cache; give the build command again" in result.stderr


def test_build_brings_glyphs_back(copy, tiny_config):
    """The build command writes damaged digits of a dataset again."""
    from builds import build

    folder = copy()
    before = read_whole(folder)
    flip(0.5)(folder / ".build/glyphs", None)
    assert build(tiny_config(**FEW_TRANSFORMS), folder).built_samples == 0
    assert read_whole(folder) == before


def test_other_glyphs(copy, tiny_config, tiny_source, tmp_path):
    """The sound digits of another source are not those of the dataset."""
    folder = copy()
    source = {**tiny_source, "images": str(tmp_path / "images")}
    content = Path(tiny_source["images"]).read_bytes()
    (tmp_path / "images").write_bytes(content[:-1] + b"\1")
    (folder / ".build/glyphs").write_bytes(pack_bank(load_bank(IdxSettings.model_validate(source))))
    ((path, reason),) = find_problems(folder)
    assert path == ".build/glyphs"
    assert reason.startswith("packed glyphs: expected the digest ")


@pytest.mark.parametrize("is_quick", [True, False])
def test_incomplete_dataset(copy, is_quick):
    """Of a dataset that is not built to its end it is told how many shards are missing."""
    folder = copy()
    for path in ("dataset.json", "README.md", "labels/train/train-00001.parquet"):
        (folder / path).unlink()
    go_on = "run the same build again, which keeps what is there"
    told = [("labels", f"1 of 4 shards are missing; {go_on}")]
    assert find_problems(folder, quick=is_quick) == told
    (folder / "labels/train/train-00002.parquet").unlink()
    (folder / "images/train/train-00002.tar").unlink()
    told = [("labels", f"2 of 4 shards are missing; {go_on}")]
    assert find_problems(folder, quick=is_quick) == told
    with pytest.raises(OutputError, match=r"2 of 4 shards are missing, .*; run the same build"):
        open_dataset(folder)


def test_lost_shards(copy, monkeypatch):
    """Of a complete dataset the shards that were lost are named; many are counted."""
    folder = copy()
    (folder / "labels/train/train-00001.parquet").unlink()
    (folder / "labels/train/train-00002.parquet").unlink()
    assert find_problems(folder) == [
        ("labels/train/train-00001.parquet", "is missing"),
        ("labels/train/train-00002.parquet", "is missing"),
    ]
    monkeypatch.setattr("digit_sequence.building.verify._FEW", 1)
    told = [("labels", "2 of 4 shards are missing; --repair builds them again")]
    assert find_problems(folder) == told
    result = run("verify", folder, "--repair")
    assert result.stdout.endswith(
        "repaired 2 shards; the dataset is sound now: 4 shards, 17 samples\n"
    )


def test_no_dataset(tmp_path):
    """A folder without a dataset is an error, not a problem."""
    result = run("verify", tmp_path)
    assert result.exit_code == 2
    assert "expected a dataset built by this program, got an empty folder" in result.stderr


def test_stopped_verification(built):
    """A verification that is stopped says that it has seen a part only."""
    with pytest.raises(BuildStopped, match="verified in part only"):
        find_problems(built(), should_stop=lambda: True)


# -- one check at a time --------------------------------------------------------------------------


def rewrite(folder, container="webdataset", change_rows=None, change_files=None, image="png"):
    """Change rows or files of a shard; all digests, footer, manifest and card fit afterwards."""
    storage = Storage(str(folder))
    plan = load_plan(storage)
    path = folder / "labels/train/train-00000.parquet"
    commit, rows = read_commit(path), read_labels(path)
    names = list(dict.fromkeys(rows["file"].to_pylist()))
    files = {name: (folder / name).read_bytes() for name in names}
    if change_rows:
        records = rows.to_pylist()
        change_rows(records)
        rows = pa.Table.from_pylist(records, schema=rows.schema.remove_metadata())
    if change_files:
        files = change_files(files, rows)
        if isinstance(files, tuple):
            files, rows = files
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    commit = replace(
        commit,
        shard_bytes=sum(map(len, files.values())),
        shard_sha256=digest,
        labels_digest=hash_rows(rows),
    )
    path.write_bytes(encode_labels(rows, commit))
    sign(storage, plan)


def sign(storage, plan):
    """Write card and manifest for the shards as they are."""
    from digit_sequence.store.manifest import finalize

    finalize(storage, plan, read_ledger(storage, plan))


def set_value(row, column, value):
    """Return a change of one value of the rows."""

    def change(records):
        records[row][column] = value(records) if callable(value) else value

    return change


def set_box(edge, value):
    """Return a change of one edge of the first box."""

    def change(records):
        records[0]["boxes"][0][edge] = value

    return change


ROW_CHANGES = {
    "duplicate key": (
        set_value(1, "key", lambda records: records[0]["key"]),
        "row 1: key: expected 'train-000000001', got 'train-000000000'",
    ),
    "other split": (set_value(2, "split", "test"), "row 2: split: expected 'train', got 'test'"),
    "wrong number": (set_value(0, "number", "7"), "row 0: number: expected '007', got '7'"),
    "wrong length": (set_value(0, "n_digits", 2), "row 0: n_digits: expected 3, got 2"),
    "wrong index": (set_value(3, "sample_index", 0), "row 3: sample_index: expected 1, got 0"),
    "wrong ordinal": (set_value(0, "ordinal", 9), "row 0: ordinal: expected 0, got 9"),
    "other shard": (set_value(4, "shard", "train-00001"), "row 4: shard: expected"),
    "wrong row": (set_value(4, "row", 5), "row 4: row: expected 4, got 5"),
    "other file": (set_value(0, "file", "images/x"), "row 0: file: expected 'images/train/"),
    "file outside": (set_value(0, "file", "images/../x"), "cannot be read: ValueError: column fil"),
    "wrong height": (set_value(0, "height", 29), "row 0: height: expected 28, got 29"),
    "wrong width": (set_value(0, "width", 1), "row 0: width: expected 160, got 1"),
    "box of another digit": (set_box("digit", 9), "boxes: digits are not the number's"),
    "box above": (set_box("top", -1), "boxes: outside the image"),
    "box on the left": (set_box("left", -1), "boxes: outside the image"),
    "box below": (set_box("bottom", 29), "boxes: outside the image"),
    "box on the right": (set_box("right", 161), "boxes: outside the image"),
    "box without rows": (set_box("bottom", 0), "boxes: outside the image"),
    "box without columns": (set_box("right", 0), "boxes: outside the image"),
    "glyph of another split": (
        set_value(0, "glyph_ids", lambda records: [OTHER_GLYPH, *records[0]["glyph_ids"][1:]]),
        "glyph_ids: outside the pool of the split",
    ),
}
OTHER_GLYPH = 10**6


@pytest.mark.parametrize(("change", "reason"), ROW_CHANGES.values(), ids=ROW_CHANGES)
def test_row_against_the_plan(copy, change, reason):
    """Rows with a sound digest that are not those of the plan are told, column by column."""
    folder = copy()
    rewrite(folder, change_rows=change)
    ((path, got),) = find_problems(folder)
    assert path == "labels/train/train-00000.parquet"
    assert got.startswith(reason)


def test_glyph_of_the_test_split(copy, monkeypatch):
    """A glyph that only test may use is told in train."""
    folder = copy()
    sampler = open_output(Storage(str(folder)))
    monkeypatch.setitem(globals(), "OTHER_GLYPH", int(sampler.pools["test"].ids[0]))
    rewrite(folder, change_rows=ROW_CHANGES["glyph of another split"][0])
    ((_, reason),) = find_problems(folder)
    assert reason == "glyph_ids: outside the pool of the split"


PLACE_CHANGES = {
    "offset of tar": ("webdataset", "offset", 512, "offset and size are not those of the member"),
    "size of tar": ("webdataset", "size", 70, "offset and size are not those of the member"),
    "offset of parquet": ("parquet", "offset", 9, "offset and size are not those of the image"),
    "size of parquet": ("parquet", "size", 70, "offset and size are not those of the image"),
    "offset of a file": ("files", "offset", 1, "offset and size are not those of its file"),
    "size of a file": ("files", "size", 70, "offset and size are not those of its file"),
}


@pytest.mark.parametrize(
    ("container", "column", "value", "reason"), PLACE_CHANGES.values(), ids=PLACE_CHANGES
)
def test_wrong_place(copy, container, column, value, reason):
    """A row that points beside its image is told, in each container."""
    folder = copy(container=container)
    rewrite(folder, change_rows=set_value(1, column, value))
    found = [got for _, got in find_problems(folder)]
    assert f"train-000000001: {reason}" in found


def edit_tar(change):
    """Return a change of the members of a tar: a function of a list of (name, content)."""

    def edit(files, rows):
        ((name, content),) = files.items()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            members = [(member.name, tar.extractfile(member).read()) for member in tar]
        change(members)
        buffer = io.BytesIO()
        offsets = []
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for member_name, member_content in members:
                member = tarfile.TarInfo(member_name)
                member.size = len(member_content)
                offsets.append(tar.offset + 512)
                tar.addfile(member, io.BytesIO(member_content))
        return {name: buffer.getvalue()}

    return edit


def change_number(members):
    """Change the number beside the first image, not its length."""
    name, content = members[1]
    assert b"007" in content
    members[1] = (name, content.replace(b"007", b"070"))


def rename_member(members):
    """Rename an image."""
    members[0] = ("cat.png", members[0][1])


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        ("brief", "its JSON is not its row"),
        ("full", "its JSON is not its row"),
        ("text", "its text is not its number"),
    ],
)
def test_sidecar_is_not_the_row(copy, sidecar, reason):
    """A tar that says another number beside an image than the row is told."""
    folder = copy(sidecar=sidecar)
    rewrite(folder, change_files=edit_tar(change_number))
    assert find_problems(folder) == [("images/train/train-00000.tar", f"train-000000000: {reason}")]


@pytest.mark.parametrize(
    "change", [rename_member, lambda members: members.pop(), lambda members: members.reverse()]
)
def test_members_are_not_the_rows(copy, change):
    """A tar with other members than the rows name is told."""
    folder = copy()
    rewrite(folder, change_files=edit_tar(change))
    assert ("images/train/train-00000.tar", "members are not those of the rows") in find_problems(
        folder
    )


def test_tar_that_is_none(copy):
    """A shard that is no tar at all is told, though its digest fits."""
    folder = copy()
    rewrite(folder, change_files=lambda files, _: dict.fromkeys(files, b"x" * 5000))
    (path, reason), *_ = find_problems(folder)
    assert path == "images/train/train-00000.tar"
    assert reason.startswith("cannot be walked: ReadError: ")


def repack(folder, container, change_images, change_rows=None):
    """Write a shard anew, with images that are changed and all digests right."""
    storage = Storage(str(folder))
    sampler = open_output(storage)
    shard = sampler.plan.splits["train"].shard(0)
    output = sampler.plan.config.output

    def change(_files, rows):
        images = list(sampler.draw("train", shard.start, shard.stop).images)
        hashes = rows["pixel_hash"].to_pylist()
        change_images(images, hashes)
        encoded = [
            image if isinstance(image, bytes) else encode_image(image, output.image, output.quality)
            for image in images
        ]
        place = rows.schema.get_field_index("pixel_hash")
        rows = rows.set_column(place, rows.schema.field(place), pa.array(hashes, pa.int64()))
        rows = rows.drop_columns(["file", "offset", "size"])
        target = make_target(sampler.plan.config, shard)
        packed = CONTAINERS[container].pack(target, [(rows, encoded)])
        return packed.files, packed.rows

    rewrite(folder, change_files=change)


def darken(images, _hashes):
    """Change one pixel of the third image."""
    images[2] = images[2].copy()
    images[2][5, 5] ^= 1


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_wrong_pixels(copy, container):
    """One changed pixel of a PNG is told by its hash."""
    folder = copy(container=container)
    repack(folder, container, darken)
    ((path, reason),) = find_problems(folder)
    assert path.startswith("images/train/")
    assert reason.startswith("train-000000002: pixels: expected the hash ")


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_image_that_cannot_be_decoded(copy, container):
    """An image that is none is told."""
    folder = copy(container=container)
    repack(folder, container, lambda images, _: images.__setitem__(1, b"no image at all"))
    ((_, reason),) = find_problems(folder)
    assert reason.startswith("train-000000001: cannot be decoded: ")


def test_image_of_another_size(copy):
    """An image of another size than the canvas is told."""
    folder = copy()
    repack(folder, "webdataset", lambda images, _: images.__setitem__(1, images[1][:, :-1].copy()))
    ((_, reason),) = find_problems(folder)
    assert reason == "train-000000001: expected 28 x 160 pixels, got (28, 159)"


def darken_and_hash(images, hashes):
    """Change one pixel, and the hash with it."""
    darken(images, hashes)
    hashes[2] = hash_pixels(images[2])


@pytest.mark.parametrize("output", [{}, {"container": "files"}, {"container": "parquet"}], ids=str)
def test_only_a_redraw_sees_it(copy, output):
    """Pixels changed together with every digest are told when that sample is drawn again."""
    folder = copy(**output)
    repack(folder, output.get("container", "webdataset"), darken_and_hash)
    assert find_problems(folder) == []
    found = find_problems(folder, redraw=17)
    assert sorted(reason for _, reason in found) == [
        "train-000000002: drawn again, its image is another",
        "train-000000002: drawn again, its row is another",
    ]
    result = run("verify", folder, "--sample", 1000)
    assert result.exit_code == 1
    assert "2 problems in 4 shards, 17 samples, 17 of them drawn again:" in result.stdout


def test_only_a_redraw_sees_it_in_jpeg(copy):
    """A JPEG has no hash of its pixels: another image is told when it is drawn again."""
    folder = copy(image="jpeg")
    repack(folder, "webdataset", lambda images, _: images.__setitem__(2, images[3]))
    assert find_problems(folder) == []
    assert [reason for _, reason in find_problems(folder, redraw=17)] == [
        "train-000000002: drawn again, its image is another"
    ]


def test_redraw_chooses_at_random(copy):
    """Which samples are drawn again is another choice each time, and as many as were asked for."""
    folder = copy()
    repack(folder, "webdataset", darken_and_hash)
    tries = (bool(find_problems(folder, redraw=8)) for _ in range(40))
    found = next(tries)
    assert any(other != found for other in tries)


FOOTERS = {
    "fingerprint": "0" * 32,
    "shard": "train-00001",
    "rows": 4,
    "schema_version": 99,
    "shard_bytes": 1,
    "shard_sha256": "0" * 64,
    "labels_digest": "0" * 32,
    "scaled": 5,
}


@pytest.mark.parametrize("field", FOOTERS)
def test_footer(copy, field):
    """A label file whose footer says something else is told, with what it should say."""
    folder = copy()
    path = folder / "labels/train/train-00000.parquet"
    commit = replace(read_commit(path), **{field: FOOTERS[field]})
    path.write_bytes(encode_labels(read_labels(path), commit))
    ((found, reason),) = find_problems(folder)
    is_of_shard = field in ("shard_bytes", "shard_sha256")  # which of the two is wrong, none knows
    assert found == (
        "images/train/train-00000.tar" if is_of_shard else "labels/train/train-00000.parquet"
    )
    assert "expected" in reason
    assert run("verify", folder, "--repair").exit_code == 0
    assert find_problems(folder) == []


@pytest.mark.parametrize("record", [b"{}", b"[]", b"null", b"\xff", b'{"rows": "5"}', b"[" * 10**5])
def test_footer_that_is_none(copy, record):
    """A Parquet file with another footer is none of this program's."""
    folder = copy()
    path = folder / "labels/train/train-00000.parquet"
    rows = read_labels(path).replace_schema_metadata({b"digit-sequence": record})
    pq.write_table(rows, path)
    assert find_problems(folder) == [
        ("labels/train/train-00000.parquet", "is not a label file of this program")
    ]


def test_other_columns(copy):
    """A label file without a column is told."""
    folder = copy()
    path = folder / "labels/train/train-00000.parquet"
    commit, rows = read_commit(path), read_labels(path).drop_columns(["salt"])
    path.write_bytes(encode_labels(rows, commit))
    assert find_problems(folder) == [
        ("labels/train/train-00000.parquet", "its columns are not those of a label file")
    ]


def test_other_file_format(copy):
    """A label file with the same rows in another form is not as it was written."""
    folder = copy()
    path = folder / "labels/train/train-00000.parquet"
    pq.write_table(read_labels(path), path, compression="gzip")
    assert find_problems(folder) == [
        ("labels/train/train-00000.parquet", "is not as it was written, beside its rows")
    ]


# -- datasets of other versions -------------------------------------------------------------------


def publish_as_others(folder, **config):
    """Make a dataset what other versions would have built: every file says so, consistently."""
    path = folder / ".build/plan.json"
    document = json.loads(path.read_text())
    document["inputs"]["versions"] |= {"numpy": "1.0", "digit-sequence": "99.9"}
    text = json.dumps(document["inputs"], sort_keys=True, separators=(",", ":"))
    document["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()[:32]
    document["config"] |= config
    document["of_a_later_version"] = 1
    del document["sha256"]
    text = json.dumps(document, sort_keys=True)
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_bytes(to_json(document))
    for labels in folder.glob("labels/*/*.parquet"):
        commit = replace(read_commit(labels), fingerprint=document["fingerprint"])
        # Other libraries write the same rows as another file.
        table = read_labels(labels).replace_schema_metadata(
            {b"digit-sequence": json.dumps(asdict(commit)).encode()}
        )
        pq.write_table(table, labels, compression="gzip")
    card = b"# A card of another wording\n"
    (folder / "README.md").write_bytes(card)
    path = folder / "dataset.json"
    manifest = json.loads(path.read_text()) | {
        "program": "digit-sequence 99.9",
        "fingerprint": document["fingerprint"],
        "plan": document,
        "card_sha256": hashlib.sha256(card).hexdigest(),
        "of_a_later_version": 1,
    }
    path.write_bytes(to_json(manifest))


@pytest.fixture
def others(copy):
    """Return a function that copies a built dataset as one that other versions have built."""

    def copy_as_others(config=None, **output):
        folder = copy(**output)
        publish_as_others(folder, **(config or {}))
        return folder

    return copy_as_others


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
@pytest.mark.parametrize("options", [(), ("--quick",)], ids=str)
def test_other_versions_are_verified(others, container, options):
    """A dataset that other versions have built is sound, which needs none of them."""
    folder = others(container=container)
    result = run("verify", folder, *options)
    assert (result.exit_code, result.output) == (0, "sound: 4 shards, 17 samples\n")


@pytest.mark.parametrize("container", ["webdataset", "files"])
def test_other_versions_are_read(others, tmp_path, container):
    """Status, reading, preview and export need no versions of the build."""
    folder = others(container=container)
    assert CliRunner().invoke(main, ["status", str(folder)]).stdout.endswith("complete\n")
    assert open_dataset(folder)["train"][0].number == "007"
    picture = tmp_path / "preview.png"
    result = CliRunner().invoke(main, ["preview", str(folder), "-o", str(picture)])
    assert result.exit_code == 0, result.output
    result = run("export", folder, "--to", "yolo", "-o", tmp_path / "export")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("command", "purpose"),
    [
        (("verify", "--sample", 2), "to draw samples again"),
        (("verify", "--repair"), "to repair it"),
    ],
)
def test_drawing_needs_the_versions(others, command, purpose):
    """What draws says that it needs the versions of the plan, and which, and touches nothing."""
    folder = others()
    before = read_whole(folder)
    result = run(*command, folder)
    assert result.exit_code == 2
    assert (
        f"was planned with other versions than this process has, and {purpose} needs those of the "
        "plan; install them. These differ:\n" in result.stderr
    )
    assert 'versions.numpy: "1.0" there, ' in result.stderr
    assert read_whole(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("kind", FILES)
def test_damage_of_other_versions_is_found(others, kind, mutation):
    """Damage of a dataset that other versions have built is told; only unread bytes may pass."""
    output, name, sibling = FILES[kind]
    folder = others(**output)
    rows = {path: read_labels(path) for path in folder.glob("labels/*/*.parquet")}
    before = read_whole(folder)
    MUTATIONS[mutation](folder / name, folder / sibling)
    result = run("verify", folder)
    if kind == "label file" and result.exit_code == 0:
        assert {path: read_labels(path) for path in rows} == rows  # not what it is read for
        return
    assert result.exit_code == 1, result.output
    after = read_whole(folder)
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    told = {line.split()[0] for line in result.stdout.splitlines()[1:]}
    if kind == "JPEG file" or mutation == "flip the last byte":  # which of a shard's, none knows
        told |= changed if "labels/train/train-00001.parquet" in told else set()
    if "dataset.json" in told:  # without it, nothing says what the cards are to be
        changed -= {"README.md", "croissant.json"}
    assert changed <= told


def test_version_without_croissant(others):
    """A version that wrote no croissant.json has built sound datasets."""
    folder = others()
    (folder / "croissant.json").unlink()
    assert find_problems(folder) == [("croissant.json", "is missing")]
    path = folder / "dataset.json"
    manifest = json.loads(path.read_text())
    del manifest["croissant_sha256"]
    path.write_bytes(to_json(manifest))
    assert find_problems(folder) == []


def test_manifest_of_other_versions_is_missing(others):
    """Without its manifest, the card of other versions is not called wrong."""
    folder = others()
    (folder / "dataset.json").unlink()
    assert find_problems(folder) == [("dataset.json", "is missing")]


def test_config_of_a_later_version(others):
    """Of a config that cannot be read status counts all the same; verify names the version."""
    folder = others(config={"of_a_later_version": {"is": "unknown"}})
    assert CliRunner().invoke(main, ["status", str(folder)]).stdout.endswith("complete\n")
    assert open_dataset(folder)["train"][0].number == "007"
    result = run("verify", folder)
    assert result.exit_code == 2
    assert "of_a_later_version: unknown key" in result.stderr
    assert result.stderr.endswith("it was planned by version 99.9 of this program: use that one\n")


def test_output_is_not_read_as_jpeg():
    """The image format of these tests is the default."""
    assert Output().image == "png"
