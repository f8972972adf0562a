"""Examples in docstrings are as they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import digit_sequence

OF_EXTRAS = "digit_sequence.learn."
"""What most modules of this package need is an extra."""
MODULES = [
    pytest.param(module.name, marks=[pytest.mark.extras] * module.name.startswith(OF_EXTRAS))
    for module in walk_packages(digit_sequence.__path__, "digit_sequence.")
    if ">>>" in module.module_finder.find_spec(module.name).loader.get_source(module.name)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    """Each example gives what stands below it."""
    assert doctest.testmod(import_module(name)).failed == 0
