"""The current folder: lost or not, and kept out of processes that are started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from digit_sequence.base.current_folder import (
    is_current_folder_lost,
    leave_current_folder_out,
    leave_lost_folder,
    make_absolute,
)
from digit_sequence.base.errors import OutputError


@pytest.fixture
def deleted(tmp_path, monkeypatch):
    """Be in a folder that is gone."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path)  # where to return to
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()


def test_lost(deleted):
    """A folder that is gone is left for the root, and no other is."""
    assert is_current_folder_lost()
    leave_lost_folder()
    assert Path.cwd() == Path("/")


def test_not_lost(tmp_path, monkeypatch):
    """A folder that is there is stayed in."""
    monkeypatch.chdir(tmp_path)
    assert not is_current_folder_lost()
    with leave_current_folder_out():
        assert Path.cwd() == tmp_path
    assert Path.cwd() == tmp_path


def import_numbers(folder):
    """Return the file of the module `numbers` in a process that is started as workers are."""
    command = [sys.executable, "-c", "import numbers; print(numbers.__file__)"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@pytest.mark.parametrize("before", [None, "", "1"])
def test_leave_current_folder_out(tmp_path, monkeypatch, before):
    """Processes do not look there for modules meanwhile; afterwards all is as it was."""
    if before is None:
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONSAFEPATH", before)
    (tmp_path / "numbers.py").touch()
    with leave_current_folder_out():
        assert import_numbers(tmp_path).parent != tmp_path
    assert os.environ.get("PYTHONSAFEPATH") == before
    assert (import_numbers(tmp_path).parent == tmp_path) is (before != "1")


def test_leave_current_folder_out_of_errors(monkeypatch):
    """What goes wrong meanwhile leaves nothing behind."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with pytest.raises(KeyError), leave_current_folder_out():
        raise KeyError
    assert "PYTHONSAFEPATH" not in os.environ


def test_make_absolute(tmp_path, monkeypatch):
    """A path is made absolute as it stands."""
    monkeypatch.chdir(tmp_path)
    assert make_absolute("a/b") == tmp_path / "a/b"
    assert make_absolute(Path("/a")) == Path("/a")


def test_make_absolute_in_a_deleted_folder(deleted):
    """Where the folder is gone only a whole path says anything."""
    assert make_absolute("/a") == Path("/a")
    with pytest.raises(OutputError, match="a: the current folder was deleted; go to another"):
        make_absolute("a")
