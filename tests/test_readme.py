"""The README's Python examples run as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
WAYS = ["pyarrow", "webdataset", "datasets", "reader", "torch"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Build a small data/default in a new folder."""
    folder = tmp_path_factory.mktemp("readme")
    samples = [f"--set=splits.{split}.samples=200" for split in ("train", "val", "test")]
    config = ROOT / "configs/default.yaml"
    command = [sys.executable, "-m", "digit_sequence", "build", config, "--scheduler=synchronous"]
    subprocess.run([*command, *samples], cwd=folder, check=True)
    return folder


def test_readme_has_examples():
    """There are five ways to read a dataset."""
    assert len(EXAMPLES) == len(WAYS)


@pytest.mark.parametrize("way", [*WAYS[:-1], pytest.param("torch", marks=pytest.mark.extras)])
def test_readme_example_runs(way, folder, monkeypatch):
    """Each example, a file of its own, prints the number of a sample, or sizes of a batch."""
    path = folder / f"read_with_{way}.py"
    path.write_text(EXAMPLES[WAYS.index(way)])
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = subprocess.run(
        [sys.executable, path],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
    )
    assert re.match(r"\d{1,6} |torch.Size\(\[64, 1, 32, 192\]\) ", done.stdout)
