"""Examples in docstrings are as they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import pipeline

OF_EXTRAS = {
    "pipeline.recognizer",
    "pipeline.torch_data",
    "pipeline.train",
    "pipeline.train_report",
}
MODULES = [
    pytest.param(module.name, marks=[pytest.mark.extras] if module.name in OF_EXTRAS else [])
    for module in walk_packages(pipeline.__path__, "pipeline.")
    if module.name != "pipeline.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    """Each example gives what stands below it."""
    assert doctest.testmod(import_module(name)).failed == 0
