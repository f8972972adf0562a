"""Measurements can be made: their programs start, and a build can be taken apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.benchmarks.work import FORMATS, measure_stages, open_work

from builds import ROOT
from conftest import sift
from digit_sequence.store.storage import Storage

NAMES = ("", ".directories", ".equality", ".memory", ".transforms")
PROGRAMS = tuple(f"tests.benchmarks{name}" for name in NAMES)


@pytest.mark.parametrize("program", sift(((program,) for program in PROGRAMS), 5))
def test_programs_start(program: str) -> None:
    """Each says what it does, run as the Makefile runs it."""
    done = subprocess.run(
        [sys.executable, "-m", program, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout


@pytest.mark.parametrize("image", FORMATS)
def test_stages_of_a_build(tmp_path: Path, image: str) -> None:
    """Each stage is timed once, from drawing to writing."""
    stages = measure_stages(open_work(image, None), Storage(str(tmp_path)), 8)
    assert {"draw", "render", "encode", "label rows", "pack", "label file", "write"} <= set(stages)
    assert all(microseconds >= 0 for microseconds in stages.values())
