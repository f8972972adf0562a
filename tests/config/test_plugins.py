"""A source and a kind of numbers of another package, each one file: every command knows them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from digit_sequence.numbers.registry import NUMBER_KINDS

SOURCE_NAMES = ", ".join(
    ["mnist", "mnist-5k", "emnist", "qmnist", "idx", "folder", "npz", "csv", "parquet", "mix"]
)
KINDS = ", ".join(NUMBER_KINDS)
SOURCE = '''
"""Glyphs of a NumPy file: a bar for each digit, as wide as the digit."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from digit_sequence.base.blocks import InputPath
from digit_sequence.sources.source import HeldOut, RawGlyphs, Source, SourceBlock


class BarSettings(SourceBlock, HeldOut):
    """Bars as wide as their digits."""

    name: Literal["bars"]
    """Bars as wide as their digits."""
    path: InputPath
    """A NumPy file of digits."""
    shade: int = Field(200, ge=1, le=255)
    """Grey level of the bars."""


class Bars(Source):
    """Bars as wide as their digits."""

    Settings = BarSettings
    settings: BarSettings
    license = "cc0-1.0"
    attribution = "Bars: by nobody."

    def list_files(self):
        """List the file."""
        return [Path(self.settings.path)]

    def read(self, files):
        """Draw a bar for each digit in the file."""
        digits = np.load(files[0]).astype(np.uint8)
        images = np.zeros((len(digits), 20, 20), np.uint8)
        for place, (image, digit) in enumerate(zip(images, digits, strict=True)):
            image[2 + place // 10 : 18, 4 : 5 + digit] = self.settings.shade
        return RawGlyphs(images, digits, np.zeros_like(digits))
'''

KIND = '''
"""Numbers that are read from both ends alike."""

from pydantic import Field

from digit_sequence.base.blocks import Block
from digit_sequence.numbers.kind import NumberKind


class MirroredSettings(Block):
    """Palindromes of an even number of digits."""

    half: int = Field(2, ge=1, le=9)
    """Digits of the first half."""
    count: int | None = Field(None, ge=1, le=10**6)
    """How many there are; default: a new one for every sample."""


class Mirrored(NumberKind):
    """Palindromes of an even number of digits."""

    name = "mirrored"
    Settings = MirroredSettings
    settings: MirroredSettings

    @property
    def is_endless(self):
        """Whether no `count` is given."""
        return self.settings.count is None

    def open(self, seed, split):
        """Return them in order."""
        return Palindromes(self.settings.half, self.settings.count)


class Palindromes:
    """Palindromes, by their first halves."""

    repeats = True

    def __init__(self, half, count):
        self.half, self.count = half, count
        self.max_digits = 2 * half

    def characters(self):
        """Return all ten."""
        return set("0123456789")

    def identity(self):
        """Return the length of a half."""
        return {"mirrored": self.half}

    def take(self, positions, engine="skimage"):
        """Return the numbers at some positions."""
        halves = [f"{position % 10**self.half:0{self.half}d}" for position in positions.tolist()]
        return [half + half[::-1] for half in halves]
'''

ENTRY_POINTS = """
[digit_sequence.sources]
bars = toy_bars:Bars

[digit_sequence.numbers]
mirrored = toy_mirrored:Mirrored
"""

CONFIG = """
seed: 3
source: {name: bars, path: digits.npy}
splits:
  train: {numbers: {mirrored: {half: 2}}, samples: 12}
  test: {numbers: {mirrored: {half: 1, count: 3}}, samples_per_number: 2}
canvas: {height: 20, width: 100}
output: {shard_samples: 5}
"""

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of packages that holds both, each with what an installer leaves."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "toy_bars.py").write_text(SOURCE)
    (folder / "toy_mirrored.py").write_text(KIND)
    record = folder / "toys-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture(scope="module")
def run(installed: Path, run_at: Run) -> Run:
    """Return a function that runs the command line where both are installed, or are not."""

    def run_there(*arguments: object, plugins: bool = True) -> CompletedProcess[str]:
        return run_at(installed if plugins else None, *arguments)

    return run_there


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a config that uses both, and the file that it names beside it."""
    folder = tmp_path_factory.mktemp("config")
    np.save(folder / "digits.npy", np.arange(60) % 10)
    (folder / "c.yaml").write_text(CONFIG)
    return folder / "c.yaml"


@pytest.fixture(scope="module")
def built(run: Run, config: Path) -> Path:
    """Build their dataset, on workers in processes of their own."""
    out = config.parent / "out"
    result = run("build", config, "-o", out, "--workers", 1)
    assert result.returncode == 0, result.stderr
    return out


def read_column(out: Path, split: str, name: str) -> list[Any]:
    """Return a column of the labels of a split."""
    return [
        value
        for path in sorted((out / "labels" / split).iterdir())
        for value in pq.read_table(path)[name].to_pylist()
    ]


def test_build(built: Path) -> None:
    """The dataset shows their numbers; its card names the source, its plan no path."""
    numbers = read_column(built, "train", "number")
    assert numbers[:4] == ["0000", "0110", "0220", "0330"]
    assert read_column(built, "test", "number") == ["00", "11", "22"] * 2
    card = (built / "README.md").read_text()
    assert "license: cc0-1.0\n" in card
    assert "Bars: by nobody.\n" in card
    plan = json.loads((built / ".build/plan.json").read_text())
    assert [*plan["inputs"]["versions"]["plugins"]] == ["source.bars", "numbers.mirrored"]
    planned = plan["config"]
    assert planned["source"]["path"] == "digits.npy"
    assert planned["source"]["shade"] == 200
    assert planned["splits"]["train"]["numbers"] == {"mirrored": {"half": 2, "count": None}}


@pytest.mark.slow
def test_other_commands(run: Run, built: Path, tmp_path: Path) -> None:
    """Shards are counted, samples shown and drawn again."""
    result = run("status", built)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("complete\n")
    result = run("verify", built)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "sound: 5 shards, 18 samples" in result.stdout
    sheet = tmp_path / "sheet.png"
    assert run("preview", built, "-o", sheet).returncode == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")
    result = run("sample", "train-000000003", "--from", built, "-o", tmp_path / "sample.png")
    assert result.returncode == 0, result.stderr


def test_preview_of_the_config(run: Run, config: Path, tmp_path: Path) -> None:
    """A config is previewed before it is built, its path found beside it."""
    result = run("preview", config, "-o", tmp_path / "sheet.png")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.slow
def test_repair(run: Run, built: Path, tmp_path: Path) -> None:
    """Glyphs that are lost come from the cache."""
    copy = shutil.copytree(built, tmp_path / "copy")
    before = (copy / ".build/glyphs").read_bytes()
    (copy / ".build/glyphs").write_bytes(b"")
    result = run("verify", copy, "--repair")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (copy / ".build/glyphs").read_bytes() == before


def test_settings_are_checked(run: Run, config: Path) -> None:
    """Their blocks are checked as all others, and unknown names list them."""
    for setting, message in (
        ("source.shade=0", "source.shade: expected greater than or equal to 1, got 0"),
        ("source.shde=9", "source.shde: unknown key; expected one of val_fraction, test_fraction,"),
        (
            "source.name=baars",
            f"source.name: expected one of {SOURCE_NAMES}, bars, got 'baars'",
        ),
        (
            "splits.train.numbers={mirored: {}}",
            "splits.train.numbers.mirored: unknown key; expected one of "
            f"{KINDS}, mirrored; did you mean mirrored?",
        ),
        (
            "splits.train.numbers={}",
            f"expected exactly one of {KINDS}, mirrored, got none",
        ),
        (
            "splits.train={numbers: {mirrored: {}}, samples_per_number: 1}",
            "splits.train: expected samples, or numbers.mirrored.count with samples_per_number",
        ),
    ):
        result = run("build", config, "--dry-run", "--set", setting)
        assert result.returncode == 2
        assert message in result.stderr


@pytest.mark.slow
def test_without_them(run: Run, config: Path, built: Path) -> None:
    """Where they are not installed, their names are unknown ones."""
    result = run("build", config, "--dry-run", plugins=False)
    assert result.returncode == 2
    assert f"expected one of {SOURCE_NAMES}, got 'bars'" in result.stderr
    assert f"mirrored: unknown key; expected one of {KINDS}" in result.stderr
    result = run("verify", built, plugins=False)
    assert result.returncode == 2
    assert "source.name: expected one of" in result.stderr


@pytest.mark.slow
def test_plan_of_own_kinds_is_the_same_with_them(run: Run, tmp_path: Path) -> None:
    """What is installed beside the program changes no dataset that does not use it."""
    (tmp_path / "c.yaml").write_text(
        "source: {name: mnist-5k}\nsplits: {train: {numbers: {values: ['7']}, samples: 2}}\n"
    )
    plans = []
    for plugins in (True, False):
        out = tmp_path / str(plugins)
        arguments = ("build", tmp_path / "c.yaml", "-o", out, "--scheduler", "synchronous")
        assert run(*arguments, plugins=plugins).returncode == 0
        plans.append((out / ".build/plan.json").read_bytes())
    assert plans[0] == plans[1]
