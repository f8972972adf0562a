"""Examples in docstrings are as they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import digit_sequence

OF_EXTRAS = {
    "digit_sequence.learn.ablating",
    "digit_sequence.learn.ablation",
    "digit_sequence.learn.ablation_report",
    "digit_sequence.learn.batches",
    "digit_sequence.learn.checkpoints",
    "digit_sequence.learn.checks",
    "digit_sequence.learn.course",
    "digit_sequence.learn.dataset",
    "digit_sequence.learn.devices",
    "digit_sequence.learn.epochs",
    "digit_sequence.learn.evaluation",
    "digit_sequence.learn.mix",
    "digit_sequence.learn.network",
    "digit_sequence.learn.programs",
    "digit_sequence.learn.reader",
    "digit_sequence.learn.ranks",
    "digit_sequence.learn.reading",
    "digit_sequence.learn.records",
    "digit_sequence.learn.report",
    "digit_sequence.learn.sampler",
    "digit_sequence.learn.streams",
    "digit_sequence.learn.training",
    "digit_sequence.learn.training_report",
}
MODULES = [
    pytest.param(module.name, marks=[pytest.mark.extras] if module.name in OF_EXTRAS else [])
    for module in walk_packages(digit_sequence.__path__, "digit_sequence.")
    if module.name != "digit_sequence.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    """Each example gives what stands below it."""
    assert doctest.testmod(import_module(name)).failed == 0
