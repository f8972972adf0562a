"""The command that adds something to this package, however it was installed."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

NAME = "digit-sequence"
CLONE = Path(__file__).resolve().parents[3]
"""What this file is in, if it is in a clone: then it has a pyproject.toml."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra: in a clone of that, else from the same origin."""
    if (CLONE / "pyproject.toml").is_file():
        return f"{find_pip()} -e {quote(f'{CLONE}[{extra}]')}"
    origin = _find_origin()
    return f"{find_pip()} {quote(f'{NAME}[{extra}]' + (f' @ {origin}' if origin else ''))}"


def find_pip() -> str:
    """Return the start of a command that installs packages where this one is."""
    found = shutil.which("pip")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "pip install"
    if find_spec("pip"):
        return f"{quote(sys.executable)} -m pip install"
    return f"uv pip install --python {quote(sys.executable)}"


def _find_origin() -> str:
    """Return the address of the wheel, folder or repository (PEP 610); none of an index."""
    try:
        noted = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return ""
    origin = json.loads(noted or "{}")
    repository = origin.get("vcs_info")
    if repository:
        return f"{repository['vcs']}+{origin['url']}@{repository['commit_id']}"
    return str(origin.get("url", ""))
