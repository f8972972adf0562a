"""Glyphs that no split uses: listed ones, those of a file, and what human judges do not read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import make_bank
from digit_sequence.base.errors import SourceError
from digit_sequence.config.loading import parse_config
from digit_sequence.plan.plan import make_plan
from digit_sequence.sources.excluded import inline_excluded
from digit_sequence.sources.mnist import DOUBTFUL, MnistSettings
from digit_sequence.sources.mnist_5k import Mnist5kSettings
from digit_sequence.sources.pools import check_disjoint, partition_glyphs
from digit_sequence.sources.registry import open_source
from glyph_files import make_glyphs


def settings(**keys: Any) -> Mnist5kSettings:
    """Return a block `source`."""
    return Mnist5kSettings(name="mnist-5k", **keys)


def test_excluded_rows_are_in_no_pool() -> None:
    """Listed rows are in no split, and all others are where they were."""
    images, digits = make_glyphs(200)
    bank = make_bank(images, digits.astype(np.uint8))
    before = partition_glyphs(bank, settings())
    after = partition_glyphs(bank, settings(exclude=(3, 57, 3, 199)))
    check_disjoint(after)
    for split, pool in before.items():
        assert after[split].ids.tolist() == [it for it in pool.ids if it not in (3, 57, 199)]
        for digit in range(10):
            assert set(bank.digits[after[split].of_digit(digit)]) <= {digit}
    with pytest.raises(SourceError, match=r"source.exclude: expected rows below 200, .* got 200"):
        partition_glyphs(bank, settings(exclude=(200,)))


def test_file_of_rows(tmp_path: Path) -> None:
    """Rows of a file stand in the plan in place of it."""
    path = tmp_path / "rows.txt"
    path.write_text("12\n\n 7 \r\n12\n")
    source = {"name": "mnist-5k", "exclude": [3], "exclude_file": str(path)}
    splits = {"train": {"numbers": {"values": ["7"]}, "samples": 3}}
    plan = make_plan(parse_config({"source": source, "splits": splits}, "tree"), "digest")
    assert plan.config.source == settings(exclude=(3, 7, 12))
    listed = parse_config(
        {"source": {"name": "mnist-5k", "exclude": [12, 7, 3]}, "splits": splits}, "tree"
    )
    assert make_plan(listed, "digest").fingerprint == plan.fingerprint
    none = parse_config({"source": {"name": "mnist-5k"}, "splits": splits}, "tree")
    assert make_plan(none, "digest").fingerprint != plan.fingerprint
    assert make_plan(none, "digest").inputs["source"].keys() == {
        *("name", "digest", "val_fraction", "test_fraction")
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1\n-2\n", "rows.txt: line 2: expected a row, counted from 0, got b'-2'; see source"),
        (b"1.5", "line 1: expected a row"),
        (b"1" * 5000, "line 1: expected a row"),
        (b"\xff", "line 1: expected a row"),
        (None, "rows.txt: expected a file of rows, got none; see source.exclude_file"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A line that is no row is named."""
    path = tmp_path / "rows.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=re.escape(message)):
        inline_excluded(settings(exclude_file=str(path)))


def test_doubtful_digits() -> None:
    """MNIST leaves fifteen digits of t10k out, unless they are asked for; its glyphs stay."""
    without, with_all = (
        open_source(MnistSettings(name="mnist", keep_doubtful=keep, exclude=(5,)))
        for keep in (False, True)
    )
    assert len(set(DOUBTFUL)) == 15
    assert min(DOUBTFUL) >= 60_000
    assert without.excluded == (5, *DOUBTFUL)
    assert with_all.excluded == (5,)
    assert without.glyph_settings == with_all.glyph_settings
