"""A container and an export format of another package, each one file, known to every command."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from builds import read_rows, read_tree, write_config

CONTAINER = '''
"""All images of a shard one after another: images/SPLIT/SHARD.rope."""

from digit_sequence.containers.container import Container, Packed, join_batches, place_rows


class Rope(Container):
    name = "rope"
    suffix = "rope"
    copies = 2

    def pack(self, target, batches):
        rows, images = join_batches(batches)
        (path,) = self.paths(target, ())
        offsets = [sum(map(len, images[:i])) for i in range(len(images))]
        return Packed({path: b"".join(images)}, place_rows(rows, path, offsets, images))

    def walk(self, target, rows, files):
        end = 0
        for row in rows:
            if row["offset"] != end:
                yield f"{row['key']}: does not begin where the last one ends"
            end += row["size"]


ROPE = Rope()
'''
EXPORT = '''
"""A text file with the numbers of a split, one a line."""

from digit_sequence.exports.format import Format, Index


def list_numbers(piece):
    return [f"{row['number']}\\n" for row in piece.rows]


LIST = Format(
    name="list",
    readers="People",
    writes="`SPLIT.list`",
    make_files=lambda piece: {},
    indexes=(Index("{split}.list", (list_numbers,)),),
)
'''
ENTRY_POINTS = """
[digit_sequence.containers]
rope = toy_container:ROPE

[digit_sequence.exports]
list = toy_export:LIST
"""


@pytest.fixture(scope="module")
def program(run_at, tmp_path_factory):
    """Return a function that runs the command line where the other package is installed."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "toy_container.py").write_text(CONTAINER)
    (folder / "toy_export.py").write_text(EXPORT)
    (folder / "toy-1.0.dist-info").mkdir()
    (folder / "toy-1.0.dist-info/METADATA").write_text("Name: toy\nVersion: 1.0\n")
    (folder / "toy-1.0.dist-info/entry_points.txt").write_text(ENTRY_POINTS)
    return partial(run_at, folder)


@pytest.fixture(scope="module")
def folder(program, tiny_config, tmp_path_factory):
    """Build a dataset in the container of the other package, on two processes."""
    folder = tmp_path_factory.mktemp("rope")
    write_config(folder / "c.yaml", tiny_config(), output={"container": "rope", "shard_samples": 5})
    done = program("build", folder / "c.yaml", "-o", folder / "out", "--workers", 2)
    assert done.returncode == 0, done.stderr
    return folder


def test_config_knows_it(program, folder):
    """A name that is none is refused with all names, that of the other package last."""
    done = program("build", folder / "c.yaml", "--set", "output.container=ropes", "--dry-run")
    assert "output.container: expected one of webdataset, parquet, files, rope, got" in done.stderr
    done = program("build", folder / "c.yaml", "--set", "output.sidecar=full", "--dry-run")
    assert "output.sidecar: expected brief with the container rope, which has" in done.stderr


def test_build_writes_it(folder):
    """Images lie where the label rows say; the card names the files by their pattern."""
    rows = read_rows(folder / "out").to_pylist()
    assert {row["file"] for row in rows if row["split"] == "test"} == {
        "images/test/test-00000.rope"
    }
    for row in rows:
        content = (folder / "out" / row["file"]).read_bytes()
        assert content[row["offset"] :].startswith(b"\x89PNG")
    assert "path: images/train/*.rope" in (folder / "out/README.md").read_text()
    plan = json.loads((folder / "out/.build/plan.json").read_bytes())
    assert [*plan["inputs"]["versions"]["plugins"]] == ["container.rope"]


def test_status_and_verify_know_it(program, folder):
    """The build is complete, and sound when its images are drawn again."""
    assert program("status", folder / "out").stdout.endswith("\ncomplete\n")
    done = program("verify", folder / "out", "--sample", 17, "--scheduler", "synchronous")
    assert done.stdout == "sound: 4 shards, 17 samples, 17 of them drawn again\n"


@pytest.mark.slow
def test_resume_and_repair_know_it(program, folder):
    """A lost and a damaged shard are found and built again, to the same bytes."""
    before = read_tree(folder / "out")
    (folder / "out/labels/train/train-00001.parquet").unlink()
    done = program("build", folder / "c.yaml", "-o", folder / "out", "--scheduler", "synchronous")
    assert done.returncode == 0, done.stderr
    assert read_tree(folder / "out") == before
    damaged = folder / "out/images/train/train-00002.rope"
    damaged.write_bytes(bytes(damaged.stat().st_size))
    done = program("verify", folder / "out", "--repair", "--scheduler", "synchronous")
    assert "images/train/train-00002.rope  sha256: expected" in done.stdout
    assert read_tree(folder / "out") == before


@pytest.mark.slow
def test_preview_and_sample_know_it(program, folder, tmp_path):
    """Pictures are drawn of it."""
    for command in (("preview",), ("sample", "train-000000003", "--from")):
        done = program(*command, folder / "out", "-o", tmp_path / "x.png")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_export_knows_both(program, folder, tmp_path):
    """Its images are read, and the format of the other package is listed and written."""
    assert "list         People" in program("export", "--help").stdout
    exported: dict[str, Path] = {}
    for name in ("list", "tesstrain"):
        exported[name] = tmp_path / name
        options = ("--to", name, "-o", exported[name], "--scheduler", "synchronous")
        done = program("export", folder / "out", *options)
        assert done.returncode == 0, done.stderr
    assert (exported["list"] / "train.list").read_text() == "007\n42\n7\n" * 4
    assert len(list(exported["tesstrain"].glob("*/*.png"))) == 17
    done = program("export", folder / "out", "--to", "lists", "-o", tmp_path / "x")
    assert "error: --to: expected one of lmdb, " in done.stderr
    assert ", tfrecord, list, got 'lists'" in done.stderr


def test_a_package_that_is_gone_is_told(forks, folder):
    """Without the other package its datasets are refused with the name that is missing."""
    done = forks.run("verify", folder / "out")
    assert done.returncode == 2
    assert "output.container: expected one of webdataset, parquet, files, got 'rope'" in done.stderr
