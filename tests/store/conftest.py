"""A tiny plan, and copies of built datasets to change."""

from __future__ import annotations

import shutil

import pytest

from digit_sequence.building.sampler import open_sampler
from digit_sequence.store.plan_file import load_plan
from digit_sequence.store.storage import Storage


@pytest.fixture
def plan(tiny_config):
    """Return the plan of the tiny config: 12 and 5 samples, in shards of 5."""
    return open_sampler(tiny_config()).plan


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def storage(folder):
    """Return that folder as a storage."""
    return Storage(str(folder))


@pytest.fixture
def copy(built, folder):
    """Return a function that copies a built dataset into the folder, to change it."""

    def copy_built(**output):
        shutil.copytree(built(**output), folder)
        return load_plan(Storage(str(folder)))

    return copy_built
