"""Datasets of several looks: built, grown, resumed, and verified without the files of looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from builds import build, read_rows, read_tree
from digit_sequence.building.memory import estimate_memory
from digit_sequence.building.sampler import open_output
from digit_sequence.cli.program import main
from digit_sequence.config.loading import load_config
from digit_sequence.config.model import Config
from digit_sequence.store.storage import Storage

MINE = """\
# Soft and small.
glyph: {size: {share: [0.5, 0.9]}}
line: {blur: {sigma: [0.5, 1]}, tilt: {degrees: [-2, 2]}}
"""
HERE = ("--scheduler", "synchronous")


@pytest.fixture
def config(tmp_path: Path, tiny_source: dict[str, Any]) -> Path:
    """Return a config of two looks, one of them a file beside it."""
    tree = {
        "source": tiny_source,
        "splits": {
            "train": {"numbers": {"values": ["007", "42", "7"]}, "samples_per_number": 8},
            "test": {"numbers": {"random": {"lengths": [1, 4]}}, "samples": 6},
        },
        "canvas": {"width": 160},
        "look": {"clean": 1, "mine.yaml": 2},
        "line": {"invert": {"probability": 0.5}},
        "output": {"shard_samples": 5},
    }
    (tmp_path / "mine.yaml").write_text(MINE, encoding="utf-8")
    (tmp_path / "c.yaml").write_text(json.dumps(tree), encoding="utf-8")
    return tmp_path / "c.yaml"


def run(*words: object) -> tuple[int, str]:
    """Run a command; return its exit code and what it prints."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.output


def test_rows_say_their_look(config: Path, tmp_path: Path) -> None:
    """Label files have one schema; what a look leaves out is neutral there."""
    build(load_config(config), tmp_path / "out")
    rows = read_rows(tmp_path / "out").to_pylist()
    assert {row["look"] for row in rows} == {"clean", "mine"}
    for row in rows:
        is_mine = row["look"] == "mine"
        assert (row["blur_sigma"] > 0) == is_mine
        assert all((size < 1) == is_mine for size in row["digit_size"])
    assert {row["inverted"] for row in rows if row["look"] == "clean"} == {False, True}


def test_dataset_needs_no_look_file(config: Path, tmp_path: Path) -> None:
    """When the file of a look is gone, what is built of it is verified, shown and drawn again."""
    loaded = load_config(config)
    build(loaded, tmp_path / "out")
    (tmp_path / "mine.yaml").unlink()
    out = tmp_path / "out"
    assert run("verify", out, "--sample", 30, *HERE) == (
        0,
        "sound: 7 shards, 30 samples, 30 of them drawn again\n",
    )
    assert run("status", out)[1].endswith("complete\n")
    assert run("preview", out, "-o", tmp_path / "p.png")[0] == 0
    assert run("sample", "train-000000007", "--from", out, "-o", tmp_path / "s.png")[0] == 0
    assert open_output(Storage(str(out))).plan.config.look == loaded.look


@pytest.mark.parametrize("command", ["preview", "sample"])
def test_config_is_shown(config: Path, tmp_path: Path, command: str) -> None:
    """A config of looks is drawn before it is built."""
    words = {"preview": (config,), "sample": ("test-000000003", "--from", config)}
    assert run(command, *words[command], "-o", tmp_path / "x.png")[0] == 0


def test_resumed_build(config: Path, tmp_path: Path) -> None:
    """A build that lost shards, and one that grew, has the files of one in one go."""
    loaded = load_config(config)
    build(loaded, tmp_path / "whole")
    build(load_config(config, ["splits.test.samples=3"]), tmp_path / "out")
    for path in ("labels/train/train-00002.parquet", "images/train/train-00001.tar"):
        (tmp_path / "out" / path).unlink()
    assert build(loaded, tmp_path / "out").built_samples == 5 + 5 + 6
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "whole")


def test_changed_look_is_another_dataset(config: Path, tmp_path: Path) -> None:
    """A build with other settings in the file of a look is refused, and names the key."""
    out = tmp_path / "out"
    assert run("build", config, "-o", out, *HERE)[0] == 0
    before = read_tree(out)
    (tmp_path / "mine.yaml").write_text(MINE.replace("0.9", "0.8"), encoding="utf-8")
    status, output = run("build", config, "-o", out, *HERE)
    assert status == 2
    assert "look.mine.glyph.size.share: [0.5, 0.9] there, [0.5, 0.8] here" in output
    assert read_tree(out) == before


def test_bad_look_writes_nothing(config: Path, tmp_path: Path) -> None:
    """An unknown look is one error, and no folder is made."""
    status, output = run("build", config, "--set", "look=chque", "-o", tmp_path / "out", *HERE)
    assert status == 2
    assert output.startswith(f"error: {config}: look: expected one of cheque, clean, ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("engine", ["skimage", "numba"])
def test_memory_of_looks(config: Path, engine: Any) -> None:
    """Looks need the memory of the one that needs most, and that of putting them together."""

    def estimate(config: Config) -> int:
        return estimate_memory(config, 10_000, 4000, 5, 784, engine).batch

    mixed = load_config(config)
    parts = [estimate(part) for part in mixed.per_look.values()]
    assert max(parts) < estimate(mixed) < 2 * max(parts)
