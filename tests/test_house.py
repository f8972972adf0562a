"""The house: packages stand on those below them, and on nothing else."""

from __future__ import annotations

import ast

import pytest

from digit_sequence.plan.fingerprint import BYTE_PACKAGES
from house import (
    MODULES,
    ORDER,
    PACKAGES,
    ROOT,
    SOURCE,
    draw_house,
    find_names,
    find_package,
    find_reached,
    name_module,
    read_house,
)

READER = {"base", "codec", "store", "read"}
"""What `read` stands on: a training job needs no config, no Dask, no scikit-image."""
FILES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]


def test_packages_are_in_order():
    """Each package of the house has its place in the order, and a docstring."""
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_downwards(package):
    """A module imports from its own package and from those below, strings included."""
    rank = ORDER.index(package)
    for path in (SOURCE / package).rglob("*.py"):
        for names in find_names(path):
            if other := find_package(*names):
                assert ORDER.index(other) <= rank, (path, names)
                assert package != "read" or other in READER, (path, names)


def test_no_circles():
    """No two modules import each other, by whatever way; imports within functions count.

    The front door is left out: it imports nothing before it is asked for.
    """
    modules = [path for path in MODULES if path.parent != SOURCE]
    imports = {name_module(path): set() for path in modules}
    for path in modules:
        for module, name in find_names(path):
            found = f"{module}.{name}" if f"{module}.{name}" in imports else module
            if found in imports and found != name_module(path):
                imports[name_module(path)].add(found)
    while free := {name for name, others in imports.items() if not others}:
        imports = {name: others - free for name, others in imports.items() if name not in free}
    assert not imports


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in FILES}),
    ids=lambda folder: str(folder.relative_to(ROOT)),
)
def test_nobody_takes_private_names(folder):
    """A name that begins with an underscore is used in its own module, or by its package."""
    for path in FILES:
        if path.parent == folder:
            assert _list_private(path) == [], path


def _list_private(path):
    """Return the private names of others that a module uses."""
    tree = ast.parse(path.read_text())
    own = find_package(name_module(path)) if path in MODULES else None
    aliases, found = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("digit_sequence"):
            for alias in node.names:
                found.extend([alias.name] if _is_private(alias.name) else [])
                if (SOURCE.parent / node.module.replace(".", "/") / f"{alias.name}.py").is_file():
                    aliases[alias.asname or alias.name] = find_package(node.module, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            package = aliases.get(node.value.id)
            if package and package != own and _is_private(node.attr):
                found.append(f"{node.value.id}.{node.attr}")
    return found


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")


def test_fingerprint_has_all_packages_that_make_bytes():
    """What a shard is made by is in the fingerprint, but for what runs its task."""
    needed = {find_package(module) for module in find_reached("digit_sequence.building.shard")}
    assert needed - {None, "run"} == set(BYTE_PACKAGES)


def test_diagram_is_the_house():
    """The diagram in pipeline/README.md is drawn from the imports: `make reference` writes it."""
    assert read_house() == draw_house()
