"""A transform of another package, one file: every command knows it, in both engines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from builds import read_rows, read_tree, write_config
from digit_sequence.config.model import Config

TRANSFORM = '''
"""Brown paper: nothing is darker than a drawn grey level, but for some grains."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import AS_RANGE
from digit_sequence.base.columns import Column
from digit_sequence.transforms.transform import Chance, Page

Level = Annotated[int, Field(ge=1, le=99)]


class Sepia(Page):
    """Paper that is not black."""

    name: ClassVar = "sepia"
    section: ClassVar = "line"
    columns: ClassVar = (Column("sepia", "int16", "grey level of the paper"),)

    class Settings(Chance):
        """Paper that is not black."""

        level: Annotated[tuple[Level, Level], *AS_RANGE]
        """Grey level of the paper."""

    def apply(self, pages, drawn, stream):
        """Lighten pages, but for a grain."""
        for sample in np.flatnonzero(drawn["sepia"]).tolist():
            (word,) = stream.of_pixels(sample, 1).tolist()
            page = pages.pixels[sample]
            page[:] = np.maximum(page, drawn["sepia"][sample])
            page.reshape(-1)[word % page.size] = 0
'''
ENTRY_POINTS = "[digit_sequence.transforms]\nsepia = toy_sepia:Sepia\n"
SEPIA = {"sepia": {"probability": 0.7, "level": [20, 60]}}
HERE = ("--scheduler", "synchronous")

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of packages that holds it, with what an installer leaves."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "toy_sepia.py").write_text(TRANSFORM)
    record = folder / "toy-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture(scope="module")
def run(package: Path, run_at: Run) -> Run:
    """Return a function that runs the command line where it is installed, in some folder."""

    def run_there(*arguments: object, site: Path | None = package) -> CompletedProcess[str]:
        return run_at(site, *arguments)

    return run_there


@pytest.fixture(scope="module")
def folder(
    run: Run, tiny_config: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Write a config, c.yaml, and build its dataset, out/, on two worker processes."""
    folder = tmp_path_factory.mktemp("sepia")
    config = tiny_config(glyph={"rotate": {"degrees": [-9, 9]}})
    write_config(folder / "c.yaml", config, line={"spacing": [2, 6], **SEPIA})
    done = run("build", folder / "c.yaml", "-o", folder / "out", "--workers", 2)
    assert done.returncode == 0, done.stderr
    return folder


def test_build_draws_it(folder: Path) -> None:
    """Label rows have its column; the plan has its settings and a digest of its code."""
    drawn = read_rows(folder / "out")["sepia"].to_pylist()
    assert min(drawn) == 0
    assert 20 <= max(drawn) <= 60
    plan = json.loads((folder / "out/.build/plan.json").read_bytes())
    assert plan["config"]["line"]["sepia"] == SEPIA["sepia"]
    (plugin,) = plan["inputs"]["versions"]["plugins"].items()
    assert plugin[0] == "transform.sepia"
    assert len(plugin[1]) == 16


@pytest.mark.parametrize("engine", ["skimage", "numba"])
def test_engines_write_the_same(run: Run, folder: Path, tmp_path: Path, engine: str) -> None:
    """One process of either engine writes the bytes of the two workers."""
    if engine == "numba":
        pytest.importorskip("numba")
    done = run("build", folder / "c.yaml", "-o", tmp_path / "out", "--engine", engine, *HERE)
    assert done.returncode == 0, done.stderr
    assert read_tree(tmp_path / "out") == read_tree(folder / "out")


def test_status_and_verify_know_it(run: Run, folder: Path) -> None:
    """The build is complete, and sound when its images are drawn again."""
    assert run("status", folder / "out").stdout.endswith("complete\n")
    done = run("verify", folder / "out", "--sample", 17, *HERE)
    assert done.stdout == "sound: 4 shards, 17 samples, 17 of them drawn again\n", done.stderr


@pytest.mark.slow
def test_preview_and_sample_know_it(run: Run, folder: Path, tmp_path: Path) -> None:
    """Pictures are drawn of it, of the dataset and of the config."""
    for name, command in {
        "built.png": ("preview", folder / "out"),
        "drawn.png": ("preview", folder / "c.yaml"),
        "sample.png": ("sample", "train-000000003", "--from", folder / "out"),
    }.items():
        done = run(*command, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_repair_knows_it(run: Run, folder: Path, tmp_path: Path) -> None:
    """A damaged shard is built again, to the same bytes."""
    copy = shutil.copytree(folder / "out", tmp_path / "out")
    damaged = copy / "images/train/train-00001.tar"
    damaged.write_bytes(bytes(damaged.stat().st_size))
    done = run("verify", copy, "--repair", *HERE)
    assert "images/train/train-00001.tar" in done.stdout
    assert read_tree(copy) == read_tree(folder / "out")


def test_settings_are_checked(run: Run, folder: Path) -> None:
    """Its block is checked as all others, and an unknown name lists it."""
    for setting, message in (
        ("line.sepia.level=[0, 5]", "line.sepia.level.0: expected greater than or equal to 1, got"),
        ("line.sepia={levl: [1, 5]}", "line.sepia.levl: unknown key; expected one of probability,"),
        ("line.sepa={}", ", invert, sepia; did you mean sepia?"),
    ):
        done = run("build", folder / "c.yaml", "--dry-run", "--set", setting)
        assert done.returncode == 2
        assert message in done.stderr


@pytest.mark.slow
def test_other_code_is_told(run: Run, package: Path, folder: Path, tmp_path: Path) -> None:
    """When its file has changed, building on and drawing again say so; other checks do without."""
    site = shutil.copytree(package, tmp_path / "site")
    source = site / "toy_sepia.py"
    source.write_text(TRANSFORM.replace("word % page.size] = 0", "word % page.size] = 1"))
    before = read_tree(folder / "out")
    for command in (
        ("build", folder / "c.yaml", "-o", folder / "out"),
        ("verify", folder / "out", "--sample", 1),
    ):
        done = run(*command, *HERE, site=site)
        assert done.returncode == 2
        assert "\n  versions.plugins.transform.sepia: " in done.stderr
        assert done.stderr.count(" there, ") == 1
    assert read_tree(folder / "out") == before
    assert run("verify", folder / "out", *HERE, site=site).returncode == 0


def test_without_it(run: Run, folder: Path) -> None:
    """Where it is not installed its name is an unknown key, and nothing is touched."""
    before = read_tree(folder / "out")
    for command in (("build", folder / "c.yaml", "-o", folder / "out"), ("verify", folder / "out")):
        done = run(*command, *HERE, site=None)
        assert done.returncode == 2
        assert "line.sepia: unknown key; expected one of " in done.stderr
    assert read_tree(folder / "out") == before


@pytest.mark.slow
def test_dataset_without_it_is_the_same(
    run: Run, tiny_config: Callable[..., Config], tmp_path: Path
) -> None:
    """What is installed beside the program changes no dataset that does not use it."""
    config = write_config(tmp_path / "c.yaml", tiny_config())
    trees: list[dict[str, Any]] = []
    for options in ({}, {"site": None}):
        out = tmp_path / str(len(trees))
        assert run("build", config, "-o", out, *HERE, **options).returncode == 0
        trees.append(read_tree(out))
    assert trees[0] == trees[1]
