"""The package as its users meet it: what it gives, what it imports, and what is installed of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import digit_sequence
from builds import ROOT, start_python
from digit_sequence.config.jobs import list_jobs
from digit_sequence.config.looks import list_looks

IMAGE = ROOT / "configs/clusters/Dockerfile"

# -- import digit_sequence ------------------------------------------------------------------------


def list_imports(program):
    """Return which modules a program imports that Python has not imported by itself."""
    script = f"import sys; before = {{*sys.modules}}; {program}; print(*{{*sys.modules}} - before)"
    process = start_python("-c", script, stdout=subprocess.PIPE, text=True)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return set(stdout.split())


def test_import_is_light():
    """The package imports nothing, so it takes no time, until something of it is used."""
    assert list_imports("import digit_sequence") == {
        *("digit_sequence", "digit_sequence.base", "digit_sequence.base.version")
    }


@pytest.mark.parametrize("name", [*digit_sequence._HOMES])
def test_names(name):
    """What the package gives is the function or class at home elsewhere."""
    if name in digit_sequence._OF_EXTRAS:
        pytest.importorskip("torch", reason="needs PyTorch")
    found = getattr(digit_sequence, name)
    assert (found.__name__, callable(found)) == (name, True)
    assert f"digit_sequence{digit_sequence._HOMES[name]}" == found.__module__
    assert name in dir(digit_sequence)
    assert (name in digit_sequence.__all__) != (name in digit_sequence._OF_EXTRAS)


@pytest.mark.parametrize("first", ["Sampler", "build", "draw_preview", "open_dataset"])
def test_names_in_any_order(first):
    """Whatever is imported first, all of it is there; what extras bring is not asked for."""
    found = list_imports(
        f"from digit_sequence import {first}; from digit_sequence import *; "
        "assert all(map(callable, (Sampler, build, export, open_dataset, verify)))"
    )
    assert not {"torch", "altair", "lmdb"} & found


def test_unknown_name():
    """What there is not is an AttributeError."""
    with pytest.raises(AttributeError, match="module 'digit_sequence' has no attribute 'biuld'"):
        digit_sequence.biuld  # noqa: B018


# -- wheel, sdist and image -----------------------------------------------------------------------


def list_tracked():
    """Return the files that git tracks, relative to the root; skip where this is no clone."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("needs a clone, and git")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build a wheel of the tracked files, among leftovers; pip loads hatchling for it."""
    source = tmp_path_factory.mktemp("source")
    for path in list_tracked():
        if path.startswith(("pipeline/", "configs/")) or "/" not in path:
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, source / path)
    package = source / "pipeline/digit_sequence"
    for left in (
        "building/dataset.py.orig",
        "config/looks/scan.yaml~",
        "notes.txt",
        "a.pyc",
        "x.so",
    ):
        (package / left).write_text("left over")
    (package / "cli/__pycache__").mkdir()
    (package / "cli/__pycache__/program.cpython-311.pyc").write_bytes(b"left over")
    (source / "pipeline/notes.py").write_text("left = 'over'")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, source]
    subprocess.run([*pip, "--disable-pip-version-check"], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_holds_the_package(wheel):
    """The wheel has each tracked module, the looks, the mark of its types, and metadata alone."""
    version = digit_sequence.__version__
    assert wheel.name == f"digit_sequence-{version}-py3-none-any.whl"
    info = f"digit_sequence-{version}.dist-info"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"digit_sequence", info}
    modules = {name for name in names if not name.startswith(info)}
    configs = {name for name in modules if name.startswith("digit_sequence/configs/")}
    assert configs == {
        f"digit_sequence/{path}"
        for path in list_tracked()
        if re.fullmatch(r"configs/([\w-]+\.yaml|schema\.json)", path)
    }
    modules -= configs
    assert modules == {
        path.removeprefix("pipeline/")
        for path in list_tracked()
        if path.startswith("pipeline/digit_sequence/") and not path.endswith(".md")
    }
    assert "digit_sequence/py.typed" in modules
    looks = {name for name in modules if name.startswith("digit_sequence/config/looks/")}
    assert len(looks) == len(list_looks())
    pages = tuple(f"/templates/page.{ending}" for ending in ("css", "html", "js"))
    endings = (".py", "/py.typed", "/pen/shapes.yaml", *pages)
    assert all(name.endswith(endings) for name in modules - looks)
    assert f"{info}/licenses/LICENSE" in names


@pytest.mark.slow
def test_wheel_metadata(wheel):
    """Its metadata names licence, Python and dependencies; its program is `digit-sequence`."""
    info = f"digit_sequence-{digit_sequence.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        scripts = archive.read(f"{info}/entry_points.txt").decode().split("\n")
    assert metadata["Name"] == "digit-sequence"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload().startswith((ROOT / "README.md").read_text()[:50])
    needed = {line.partition(">")[0] for line in metadata.get_all("Requires-Dist")}
    assert {"click", "dask", "numpy", "pyarrow", "scikit-image"} <= needed
    assert "digit-sequence = digit_sequence.__main__:run" in scripts


@pytest.mark.slow
def test_installed_wheel_runs(wheel, tmp_path):
    """In an environment without the clone the program runs, and there is no `pipeline`."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin/python"
    find = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip())
    # Packages of this environment, but not what .pth files add to it, as the clone.
    folders = {path for path in sys.path if path.endswith("site-packages")}
    (site / "of_tests.pth").write_text("".join(f"{path}\n" for path in sorted(folders)))
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-deps"]
    subprocess.run([*pip, "--disable-pip-version-check", wheel], check=True)

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        pipes = {"capture_output": True, "text": True}
        return subprocess.run(command, check=True, cwd=tmp_path, env=environment, **pipes).stdout

    assert run(venv / "bin/digit-sequence", "-h").startswith("Usage: digit-sequence ")
    for command in ("build", "verify", "export", "train"):
        assert f" {command} " in run(venv / "bin/digit-sequence", command, "-h")
    where = run(python, "-c", "import digit_sequence; print(digit_sequence.__file__)")
    assert Path(where.strip()) == site / "digit_sequence/__init__.py"
    looks = "from digit_sequence.config.looks import list_looks; print(list_looks())"
    assert run(python, "-c", looks) == f"{list_looks()}\n"
    jobs = "from digit_sequence.config.jobs import list_jobs; print(list_jobs())"
    assert run(python, "-c", jobs) == f"{list_jobs()}\n"
    missing = run(
        python, "-c", "from importlib.util import find_spec; print(find_spec('pipeline'))"
    )
    assert missing == "None\n"


@pytest.mark.slow
def test_sdist_holds_what_is_tracked(tmp_path):
    """The sdist has package, tests, configs and what `make` needs, and nothing that lies about."""
    source = tmp_path / "source"
    for path in list_tracked():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, source / path)
    (source / "data").mkdir()
    for left in ("notes.txt", "data/train.tar", "pipeline/digit_sequence/draw.py.orig"):
        (source / left).write_text("left over")
    build = [sys.executable, "-m", "uv", "build", "--quiet", "--sdist", "--out-dir", tmp_path]
    subprocess.run([*build, source], check=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == {*list_tracked(), "PKG-INFO"}


def test_image_is_made_of_files_that_are_there():
    """What the Dockerfile copies is in the clone, and its .dockerignore lets it through."""
    copied = {
        name
        for line in IMAGE.read_text().splitlines()
        if line.startswith("COPY ")
        for name in line.split()[1:-1]
    }
    passed = Path(f"{IMAGE}.dockerignore").read_text().splitlines()
    assert copied == {line[1:] for line in passed if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.slow
def test_image_builds(tmp_path):
    """Where Docker has an engine, the image is built, and the program in it runs."""
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("needs an engine of Docker")
    subprocess.run(
        [docker, "build", "-q", "-t", "digit-sequence-test", "-f", IMAGE, ROOT], check=True
    )
    run = [docker, "run", "--rm", "digit-sequence-test", "digit-sequence", "--version"]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    assert digit_sequence.__version__ in done.stdout
