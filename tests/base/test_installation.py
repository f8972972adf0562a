"""The command that adds an extra, for each way in which the package can have been installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata

import pytest

from builds import ROOT
from digit_sequence.base import installation
from digit_sequence.base.installation import find_pip, how_to_install

WHEEL = "file:///tmp/digit_sequence-0.1.0-py3-none-any.whl"
REPOSITORY = {"vcs": "git", "commit_id": "ab12"}
ORIGINS = {
    "index": (None, ""),
    "wheel": ({"url": WHEEL, "archive_info": {}}, f" @ {WHEEL}"),
    "folder": ({"url": "file:///tmp/clone", "dir_info": {}}, " @ file:///tmp/clone"),
    "repository": (
        {"url": "https://host/it.git", "vcs_info": REPOSITORY},
        " @ git+https://host/it.git@ab12",
    ),
}
"""What the installer has noted, and what follows the name of the package."""


def test_in_a_clone():
    """What runs in a clone is installed from the clone again."""
    assert shlex.split(how_to_install("torch"))[-2:] == ["-e", f"{ROOT}[torch]"]


@pytest.mark.parametrize(("noted", "expected"), ORIGINS.values(), ids=ORIGINS)
def test_elsewhere(monkeypatch, tmp_path, noted, expected):
    """Elsewhere the extra comes from where the package is from."""
    (tmp_path / "METADATA").touch()
    if noted is not None:
        (tmp_path / "direct_url.json").write_text(json.dumps(noted))
    monkeypatch.setattr(installation, "CLONE", tmp_path)
    found = metadata.PathDistribution(tmp_path)
    monkeypatch.setattr(metadata, "distribution", lambda _: found)
    assert how_to_install("torch") == f"{find_pip()} 'digit-sequence[torch]{expected}'"


def test_not_installed(monkeypatch, tmp_path):
    """A copy that nothing has installed is installed by its name."""
    monkeypatch.setattr(installation, "CLONE", tmp_path)
    monkeypatch.setattr(installation, "NAME", "no-such-package")
    assert how_to_install("torch").endswith("pip install 'no-such-package[torch]'")


def test_pip_of_this_environment(monkeypatch, tmp_path):
    """A pip that is found but is of another environment is not the one to use."""
    (tmp_path / "pip").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_pip() == f"{sys.executable} -m pip install"
    monkeypatch.setattr(installation, "find_spec", lambda _: None)
    assert find_pip() == f"uv pip install --python {sys.executable}"
