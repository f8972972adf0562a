"""The packages as their imports tie them: what tests of the house look at, and its diagram.

``python -m tests.house`` writes the diagram into pipeline/README.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "pipeline/digit_sequence"
README = ROOT / "pipeline/README.md"
ORDER = (
    *("base", "codec", "pen", "sources", "numbers", "transforms", "containers", "config", "plan"),
    *("render", "store", "run", "building", "read", "live", "exports", "look", "learn"),
    *("match", "report", "browse", "cli"),
)
"""A package imports only from those before it."""
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = [name for name in ORDER if (SOURCE / name).is_dir()]
_BEGIN, _END = "<!-- house: written by `make reference` -->\n", "<!-- end of house -->"


def find_names(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) of what a module imports from this project, or names in a string."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (
                (name, None) for name in re.findall(r"^digit_sequence\.[\w.]+$", node.value)
            )


def find_package(module: str, name: str | None = None) -> str | None:
    """Return the package of this project that a module is in."""
    root, _, rest = module.partition(".")
    package = (rest or name or "").partition(".")[0]
    return package if root == "digit_sequence" and package in ORDER else None


def find_arrows() -> dict[str, set[str]]:
    """Return which packages each package imports from."""
    arrows: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for package in PACKAGES:
        for path in (SOURCE / package).rglob("*.py"):
            found = {find_package(*names) for names in find_names(path)}
            arrows[package] |= {other for other in found if other} - {package}
    return arrows


def find_reached(start: str) -> set[str]:
    """Return the modules that a module needs, by whatever way, and itself."""
    paths = {name_module(path): path for path in MODULES}
    reached, ahead = set(), {start}
    while ahead:
        reached |= ahead
        found = {names for module in ahead for names in find_names(paths[module])}
        modules = {f"{module}.{name}" for module, name in found} | {module for module, _ in found}
        ahead = modules & paths.keys() - reached
    return reached


def name_module(path: Path) -> str:
    """Return the name that a file is imported by."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def describe_package(package: str) -> str:
    """Return the first sentence of a package's docstring."""
    docstring = ast.get_docstring(ast.parse((SOURCE / package / "__init__.py").read_text()))
    assert docstring, package
    return " ".join(docstring.split("\n\n")[0].split())


def draw_house() -> str:
    """Return the diagram: an arrow for each import that no chain of others implies."""
    arrows = find_arrows()
    above: dict[str, set[str]] = {}
    for package in PACKAGES:  # from the ground up
        above[package] = set().union(*({other} | above[other] for other in arrows[package]))
    lines = ["```mermaid", "flowchart TD"]
    for package in reversed(PACKAGES):
        implied = set().union(*(above[other] for other in arrows[package]))
        lines += [f"  {package} --> {other}" for other in sorted(arrows[package] - implied)]
    lines += ["```", "", "| package | what lives there |", "| --- | --- |"]
    lines += [f"| `{package}` | {describe_package(package)} |" for package in reversed(PACKAGES)]
    return _BEGIN + "\n".join(lines) + "\n" + _END


def read_house() -> str:
    """Return the diagram as pipeline/README.md has it."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(_BEGIN) : text.index(_END) + len(_END)]


if __name__ == "__main__":
    page = README.read_text(encoding="utf-8")
    README.write_text(page.replace(read_house(), draw_house()), encoding="utf-8")
