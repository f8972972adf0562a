"""The house: packages stand on those below them, and on nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from builds import ROOT

SOURCE = ROOT / "pipeline/digit_sequence"
ORDER = (
    *("base", "codec", "sources", "numbers", "transforms", "containers", "config", "plan"),
    *("render", "store", "run", "build", "read", "exports", "look", "learn", "match", "cli"),
)
"""A package imports only from those before it."""
READER = {"base", "codec", "store", "read"}
"""What `read` stands on: a training job needs no config, no Dask, no scikit-image."""
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = sorted({path.relative_to(SOURCE).parts[0] for path in MODULES if path.parent != SOURCE})


def find_modules(path: Path) -> Iterator[str]:
    """Yield the dotted names of this project that a module imports, or names in a string."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^digit_sequence\.[\w.]+$", node.value)


def test_packages_are_in_order():
    """Each package of the house has its place in the order."""
    assert set(PACKAGES) <= set(ORDER)


@pytest.mark.parametrize("package", sorted({*PACKAGES} - {"sources", "numbers", "run"}))
def test_imports_run_downwards(package):
    """A module imports from its own package and from those below, strings included."""
    rank = ORDER.index(package)
    for path in (SOURCE / package).rglob("*.py"):
        for name in find_modules(path):
            root, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if root == "digit_sequence" and other in ORDER:
                assert ORDER.index(other) <= rank, (path, name)
                assert package != "read" or other in READER, (path, name)
