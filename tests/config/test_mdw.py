"""The configs of the MDW benchmarks obey their recipe: one writer a number, valid numbers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builds import ROOT, build, read_rows
from conftest import draw_bank
from digit_sequence.building.sampler import open_output
from digit_sequence.config.loading import load_config
from digit_sequence.plan.plan import make_plan
from digit_sequence.read.dataset import open_dataset
from digit_sequence.store.storage import Storage
from glyph_files import encode_idx

NAMES = ("zip", "amounts", "times")
N_WRITERS = 12


def find_config(name: str) -> Path:
    """Return the path of a config."""
    return ROOT / f"configs/mdw-{name}.yaml"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an override: digits of twelve writers, each of whom wrote each digit twice."""
    folder, bank = tmp_path_factory.mktemp("mdw"), draw_bank(n_per_digit=2 * N_WRITERS)
    (folder / "images").write_bytes(encode_idx(bank.images))
    (folder / "labels").write_bytes(encode_idx(bank.digits))
    rank = np.empty(len(bank.digits), int)
    for digit in range(10):
        rank[bank.digits == digit] = np.arange(2 * N_WRITERS)
    (folder / "writers").write_text("".join(f"{it % N_WRITERS + 500}\n" for it in rank))
    paths = {name: str(folder / name) for name in ("images", "labels", "writers")}
    shares = {"val_fraction": 0.25, "test_fraction": 0.25}
    return f"source={json.dumps({'name': 'idx', 'split_by': 'writer', **paths, **shares})}"


def show_numbers(name: str, split: str = "test") -> list[str]:
    """Return all numbers of a split, in their order."""
    plan = make_plan(load_config(find_config(name)), "0" * 64).splits[split]
    return plan.identities(0, plan.n_samples)[0]


def check_writers(rows: list[dict[str, Any]]) -> None:
    """Check that a number has one writer, who is in one split."""
    found: dict[int, str] = {}
    for row in rows:
        assert {*row["writers"]} == {row["hand"]}
        assert row["hand_lacked"] == 0
        assert found.setdefault(row["hand"], row["split"]) == row["split"]
    assert {*found.values()} == {"train", "val", "test"}


@pytest.mark.parametrize("name", NAMES)
def test_glyphs_of_one_writer_stand_side_by_side(name: str, source: str, tmp_path: Path) -> None:
    """Images are whole glyphs in a row, all of one hand; splits have other writers."""
    few = [f"splits.{split}.samples=30" for split in ("train", "val", "test")]
    build(load_config(find_config(name), [source, *few]), tmp_path / "out")
    rows = read_rows(tmp_path / "out").to_pylist()
    check_writers(rows)
    glyphs = open_output(Storage(str(tmp_path / "out"))).bank.images
    dataset = open_dataset(tmp_path / "out")
    for row in rows:
        image = dataset.by_key(row["key"]).image
        assert image.tolist() == np.hstack(glyphs[row["glyph_ids"]]).tolist()
        for digit in {*row["number"]}:  # a writer who has two of a digit shows both
            own = [
                it
                for it, text in zip(row["glyph_ids"], row["number"], strict=True)
                if text == digit
            ]
            assert len({*own}) == min(len(own), 2)


@pytest.mark.parametrize("name", NAMES)
def test_real_glyphs(
    name: str,
    mnist_folder: Path,
    tmp_path: Path,
    shared_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of MNIST test has writers of t10k alone, each with all digits of the number."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))
    if not (mnist_folder.parent / "qmnist").is_dir():
        pytest.skip("needs the label files of QMNIST beside those of MNIST")
    few = [f"splits.{split}.samples=40" for split in ("train", "val", "test")]
    config = load_config(find_config(name), [f"source.path={mnist_folder}", *few])
    build(config, tmp_path / "out")
    rows = read_rows(tmp_path / "out").to_pylist()
    check_writers(rows)
    assert all((min(row["glyph_ids"]) >= 60_000) == (row["split"] == "test") for row in rows)


def test_zip_codes() -> None:
    """Ten thousand different codes of five digits, none below 00600."""
    numbers = show_numbers("zip")
    assert len({*numbers}) == 10_000
    assert all(re.fullmatch(r"\d{5}", number) for number in numbers)
    assert 600 <= min(map(int, numbers)) < 700
    assert max(map(int, numbers)) > 99_900


def test_amounts() -> None:
    """One to five digits and two of cents, all lengths alike, first digits as Benford says."""
    numbers = show_numbers("amounts")
    lengths = Counter(map(len, numbers))
    assert sorted(lengths) == [3, 4, 5, 6, 7]
    assert all(abs(count - 2000) < 4 * math.sqrt(2000 * 0.8) for count in lengths.values())
    first = Counter(int(number[0]) for number in numbers)
    for digit in range(1, 10):
        expected = 10_000 * math.log10(1 + 1 / digit)
        assert abs(first[digit] - expected) < 4 * math.sqrt(expected)
    assert first[0] == 0


def test_times() -> None:
    """All minutes of a day, equally often, hours below ten without a zero."""
    counts = Counter(show_numbers("times"))
    expected = {f"{hour}{minute:02d}" for hour in range(24) for minute in range(60)}
    assert {*counts} == expected
    assert {*counts.values()} == {6, 7}
