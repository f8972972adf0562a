"""The README's Python examples run as they are written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Build a small data/default in a new folder."""
    folder = tmp_path_factory.mktemp("readme")
    samples = [f"--set=splits.{split}.samples=50" for split in ("train", "val", "test")]
    config = ROOT / "configs/default.yaml"
    command = [sys.executable, "-m", "pipeline", "build", config, "--scheduler=synchronous"]
    subprocess.run([*command, *samples], cwd=folder, check=True)
    return folder


def test_readme_has_examples():
    """There are four ways to read a dataset."""
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("code", EXAMPLES, ids=["pyarrow", "webdataset", "datasets", "reader"])
def test_readme_example_runs(code, folder, monkeypatch):
    """Each example prints the number of a sample."""
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True
    )
    assert re.match(r"\d{1,6} ", done.stdout)
