"""Builds in folders that hold other people's modules, or that are no use at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from builds import ALL_TRANSFORMS, ROOT, read_tree, write_config
from digit_sequence.cli.program import main

PROGRAMS = {
    "script": [Path(sys.executable).with_name("digit-sequence")],
    "module": [sys.executable, "-m", "digit_sequence"],
}
NEEDED_BY_RUNPY = {
    *("importlib", "warnings", "contextlib", "collections", "keyword", "operator", "reprlib"),
    *("functools", "types"),
}
"""Modules that ``python -m`` imports, whatever it runs, before the program can do anything."""
INSTALLED = {
    *("bokeh", "click", "dask", "digit_sequence", "distributed", "imagecodecs", "numba", "numpy"),
    *("pipeline", "pyarrow", "pydantic", "rich", "ruamel", "scipy", "skimage", "tornado", "xxhash"),
}
WITHOUT_RIGHTS = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
"""Lets root read no more than others may."""


@pytest.fixture
def config(tiny_config, tmp_path):
    """Write a config with every transform as tiny.yaml."""
    return write_config(tmp_path / "tiny.yaml", tiny_config(**ALL_TRANSFORMS))


@pytest.fixture
def folder(tmp_path):
    """Make a folder to be in."""
    (tmp_path / "work").mkdir()
    yield tmp_path / "work"
    if (tmp_path / "work").exists():
        (tmp_path / "work").chmod(0o755)


def shadow(folder, names):
    """Fill a folder with modules of these names, which cannot be imported."""
    for name in names:
        (folder / f"{name}.py").write_text(f"raise SystemError('{name} of the current folder')\n")


def run_in(folder, command, *arguments, preexec_fn=None):
    """Run a program in a folder, and return what it has printed."""
    done = subprocess.run(
        [*map(str, command), *map(str, arguments)],
        cwd=folder if preexec_fn is None else None,
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=preexec_fn,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("of the current folder|FileNotFound|Permission", done.stderr), done.stderr
    return done.stdout


# -- modules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "scheduler", "is_verified"),
    [
        pytest.param("script", "processes", True, marks=pytest.mark.slow),
        pytest.param("module", "threads", True, marks=pytest.mark.slow),
        ("module", "threads", False),
    ],
)
def test_modules_of_the_current_folder(
    built, config, folder, tmp_path, program, scheduler, is_verified
):
    """No module there takes the place of another: all of the standard library, and packages."""
    names = INSTALLED | sys.stdlib_module_names
    if program == "module":  # what Python itself looks for there first
        names = names - NEEDED_BY_RUNPY - {"digit_sequence"}
    shadow(folder, names)
    command = PROGRAMS[program]
    arguments = ("--scheduler", scheduler, "--workers", 2)
    stdout = run_in(folder, command, "build", config, "-o", tmp_path / "out", *arguments)
    assert "built 17 images" in stdout
    assert read_tree(tmp_path / "out") == read_tree(built())
    if is_verified:
        stdout = run_in(folder, command, "verify", tmp_path / "out", *arguments)
        assert stdout == "sound: 4 shards, 17 samples\n"


CLUSTER = """
from distributed import LocalCluster

import site_of_ours


def make_cluster():
    return LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0")
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_cluster_of_the_current_folder(built, config, folder, tmp_path, program):
    """--cluster finds a module there, which finds others; workers are left alone by the rest."""
    shadow(folder, ["pipeline", "numbers", "random", "queue", "dask", "click", "numpy", "signal"])
    (folder / "clusters_of_ours.py").write_text(CLUSTER)
    (folder / "site_of_ours.py").touch()
    arguments = ("-o", tmp_path / "out", "--cluster", "clusters_of_ours:make_cluster")
    run_in(folder, PROGRAMS[program], "build", config, *arguments)
    assert read_tree(tmp_path / "out") == read_tree(built())


@pytest.mark.slow
def test_package_in_the_current_folder(built, config, tmp_path):
    """Where the package itself stands there, it and its processes find it."""
    shutil.copytree(ROOT / "pipeline/digit_sequence", tmp_path / "source/digit_sequence")
    shadow(tmp_path / "source", ["numbers", "random", "queue", "click"])
    command = [sys.executable, "-m", "digit_sequence", "build", config, "-o", tmp_path / "out"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, cwd=tmp_path / "source", env=environment, check=True)
    assert read_tree(tmp_path / "out") == read_tree(built())


# -- folders that are no use ----------------------------------------------------------------------


def close(folder):
    """Return a function that goes to a folder, and closes it."""

    def act():
        os.chdir(folder)
        folder.chmod(0)

    return act


def delete(folder):
    """Return a function that goes to a folder, and deletes it."""

    def act():
        os.chdir(folder)
        folder.rmdir()

    return act


@pytest.mark.parametrize(
    ("lose", "program", "scheduler"),
    [
        pytest.param(close, "script", "processes", marks=pytest.mark.slow),
        (delete, "module", "threads"),
        pytest.param(close, "module", "threads", marks=pytest.mark.slow),
        pytest.param(delete, "script", "processes", marks=pytest.mark.slow),
    ],
)
def test_lost_folder(built, config, folder, tmp_path, lose, program, scheduler):
    """A build goes on in a folder that nobody may enter, or that is gone."""
    command = PROGRAMS[program]
    if lose is close and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv, since root may enter any folder")
        command = [*WITHOUT_RIGHTS, *command]
    arguments = ("-o", tmp_path / "out", "--scheduler", scheduler, "--workers", 2)
    run_in(folder, command, "build", config, *arguments, preexec_fn=lose(folder))
    assert read_tree(tmp_path / "out") == read_tree(built())


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["build", "{config}", "-o", "out"], "out"),
        (["build", "{config}"], "data/tiny"),
        (["build", "{config}", "-o", "{out}", "--performance-report", "r.html"], "r.html"),
        (["verify", "out"], "out"),
        (["export", "{built}", "--to", "doctr", "-o", "exported"], "exported"),
        (["number", "7", "--source", "mnist-5k"], "images"),
    ],
)
def test_relative_paths_in_a_deleted_folder(
    plain, config, folder, tmp_path, monkeypatch, arguments, path
):
    """A path relative to a folder that is gone is one message, and is taken for no other."""
    names = {"config": config, "built": plain, "out": tmp_path / "out"}
    monkeypatch.chdir(tmp_path)  # where to return to
    delete(folder)()
    done = CliRunner().invoke(main, [argument.format(**names) for argument in arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {path}: the current folder was deleted; go to another, or give the whole path\n"
    )
    assert not Path("/", path).exists()
