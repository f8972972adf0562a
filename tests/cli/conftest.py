"""A folder to run commands in, and a config."""

from __future__ import annotations

import pytest

from builds import FEW_TRANSFORMS, write_config


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Run in an empty folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def config(tiny_config, tmp_path):
    """Write a config with few transforms as tiny.yaml, outside of the folder."""
    return write_config(tmp_path / "tiny.yaml", tiny_config(**FEW_TRANSFORMS))
