"""The Python examples of the pages run as they are written."""

import os
import re
import subprocess
import sys
import tomllib

import pytest

from builds import ROOT
from conftest import sift

PAGES = {
    "README.md": ["pyarrow", "webdataset", "datasets", "reader", "drawn"],
    "pipeline/digit_sequence/README.md": [
        *("build", "open", "draw", "iterate", "export", "verify", "progress", "extra croissant"),
    ],
    "pipeline/digit_sequence/read/README.md": ["batches", "torch", "torch drawn", "torch mix"],
}
"""What each example of a page shows."""
PROGRAM = (sys.executable, "-m", "digit_sequence")
EXPORTS = re.findall(
    r"^digit-sequence (export data/default .*-o crops)$",
    (ROOT / "pipeline/digit_sequence/read/README.md").read_text(),
    re.MULTILINE,
)
"""Commands that make what an example reads."""
NEEDING = ("torch", "extra")
"""Examples that need an extra."""
EXAMPLES = {
    way: example
    for page, ways in PAGES.items()
    for way, example in zip(
        ways,
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL),
        strict=True,
    )
}


def test_pages_say_what_to_install():
    """What an example imports is installed with this package, or its page says how to have it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = {re.match(r"[\w-]+", it)[0] for it in project["dependencies"]}
    for page in PAGES:
        text = (ROOT / page).read_text()
        blocks = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
        found = {*re.findall(r"^(?:import|from) (\w+)", blocks, re.MULTILINE)}
        others = found - {*sys.stdlib_module_names, "digit_sequence"} - installed
        for name in others:
            assert re.search(rf"pip install ({name}|'digit-sequence\[{name}\]')`", text), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Build a small data/default in a new folder."""
    folder = tmp_path_factory.mktemp("readme")
    samples = [f"--set=splits.{split}.samples=200" for split in ("train", "val", "test")]
    config = ROOT / "configs/default.yaml"
    command = [*PROGRAM, "build", config, *samples, "--scheduler=synchronous"]
    subprocess.run(command, cwd=folder, check=True)
    (folder / "configs").symlink_to(ROOT / "configs")
    for words in EXPORTS:
        subprocess.run(
            [*PROGRAM, *words.split(), "--scheduler=synchronous"], cwd=folder, check=True
        )
    return folder


def test_pages_have_no_other_examples():
    """No page but those above has an example that no test runs."""
    pages = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.md")}
    for top in ("configs", "pipeline", "tests"):
        pages |= {path.relative_to(ROOT).as_posix() for path in (ROOT / top).rglob("*.md")}
    assert {page for page in pages if "```python" in (ROOT / page).read_text()} == set(PAGES)


@pytest.mark.parametrize(
    "way",
    [
        *sift(((way,) for way in EXAMPLES if not way.startswith(NEEDING)), 3),
        *(
            pytest.param(way, marks=pytest.mark.extras)
            for way in EXAMPLES
            if way.startswith(NEEDING)
        ),
    ],
)
def test_example_runs(way, folder, monkeypatch):
    """Each example, a file of its own, prints a number of or about samples, or sizes of a batch."""
    path = folder / f"read_with_{way.replace(' ', '_')}.py"
    path.write_text(EXAMPLES[way])
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CROISSANT_CACHE", str(folder / "croissant"))
    done = subprocess.run(
        [sys.executable, path],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
    )
    assert re.match(r"\d{1,6} |torch.Size\(\[64, 1, 32, 192\]\) ", done.stdout)
