"""What `doctor` finds of a machine, and its exit code."""

from __future__ import annotations

import json
import tomllib
from importlib import metadata

import dask
import pytest
from click.testing import CliRunner

from builds import ROOT
from digit_sequence.base.installation import find_pip
from digit_sequence.cli.program import main
from digit_sequence.run import machine
from digit_sequence.run.machine import PURPOSES


@pytest.fixture(autouse=True)
def _local_threads(monkeypatch, tmp_path):
    """Build by threads, in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    with dask.config.set({"scheduler-address": "threads"}):
        yield


def run(status=0):
    """Run the command; return state and text of each line by its subject."""
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == status, result.output
    lines = [line for line in result.stdout.splitlines() if line[:5].strip() in FOUND]
    return {line[6:18].strip(): (line[:5].strip(), line[19:]) for line in lines}


FOUND = ("ok", "note", "bad")


def test_sound_machine(tmp_path):
    """All that a build needs is there: folders, libraries, a scheduler."""
    found = run()
    assert found["libraries"][0] == "ok"
    assert found["this folder"][1].startswith(f"{tmp_path}: can be written to, ")
    assert found["cache"][0] == "ok"
    assert found["scheduler"][1].startswith("threads: ")
    assert not list(tmp_path.glob("*.tmp"))


def test_optional_parts():
    """Each extra for users is there, with what it is for."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {*PURPOSES} == {*extras} - {"all", "bench", "dev", "readers"}
    assert {*PURPOSES} <= {*run()}


def test_package_that_lacks(monkeypatch):
    """A package that is missing, or too old, is named with the command that installs it."""
    monkeypatch.setattr(
        metadata,
        "requires",
        lambda _: ["numpy>=9000", "no-such-thing", 'nor-this>=2; extra == "lmdb"'],
    )
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "bad   library      numpy: expected >=9000, got " in result.stdout
    assert "bad   library      no-such-thing is not installed" in result.stdout
    lacking = f"note  lmdb         export to LMDB: nor-this is not installed; {find_pip()}"
    assert lacking in result.stdout
    assert "2 to mend before a build can run" in result.stderr


def test_folder_that_cannot_be_written(monkeypatch, tmp_path):
    """A cache that is a file is told, with the variable that names another."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "file"))
    state, text = run(status=1)["cache"]
    assert state == "bad"
    assert text.startswith(f"{tmp_path / 'file'}: cannot be written to: ")
    assert text.endswith("name another folder in DIGIT_SEQUENCE_CACHE")


def test_scheduler_that_is_none():
    """A scheduler of another name is told."""
    with dask.config.set({"scheduler-address": "nowhere"}):
        state, text = run(status=1)["scheduler"]
    assert state == "bad"
    assert "expected one of synchronous, threads, processes or an address" in text


def test_scheduler_that_is_given():
    """A scheduler may be named, and is tried in place of the default."""
    result = CliRunner().invoke(main, ["doctor", "--scheduler", "synchronous"])
    assert "ok    scheduler    synchronous: 1 tasks at a time" in result.stdout
    result = CliRunner().invoke(main, ["doctor", "--scheduler", "nowhere"])
    assert result.exit_code == 1
    assert "bad   scheduler    --scheduler: expected one of synchronous, threads" in result.stdout


def test_workers(monkeypatch):
    """A worker with other versions is told; one that cannot import the program is bad."""
    found = iter(["digit-sequence 1, here", "digit-sequence 2, there"])
    monkeypatch.setattr(machine, "describe_versions", lambda: next(found, "digit-sequence 1, here"))
    assert run()["worker"] == (
        *("note", "threads: expected digit-sequence 1, here, as here, got digit-sequence 2, there"),
    )

    def fail():
        if next(calls) == 1:
            raise ModuleNotFoundError("No module named 'digit_sequence'")
        return "digit-sequence 1, here"

    calls = iter(range(9))
    monkeypatch.setattr(machine, "describe_versions", fail)
    state, text = run(status=1)["worker"]
    assert state == "bad"
    assert text.startswith("threads cannot take part: No module named 'digit_sequence'; install")


def test_for_programs():
    """Programs get all findings in one object."""
    result = CliRunner().invoke(main, ["doctor", "--json"])
    (end,) = [json.loads(line) for line in result.stdout.splitlines()]
    summary = end["result"]
    assert summary["sound"]
    assert {"state", "subject", "text"} == set(summary["findings"][0])
    assert {"program", "libraries", "cache", "scheduler"} <= {
        finding["subject"] for finding in summary["findings"]
    }


def test_quiet(monkeypatch, tmp_path):
    """With --quiet, what is wrong is told, and nothing else."""
    result = CliRunner().invoke(main, ["doctor", "--quiet"])
    assert (result.exit_code, result.output) == (0, "")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "file"))
    result = CliRunner().invoke(main, ["doctor", "--quiet"])
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("bad   cache        ")
