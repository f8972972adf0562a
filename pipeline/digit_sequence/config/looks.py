"""Looks: named sets of transforms in files of their own, written out into the tree of a config.

A config names a look (``cheque``), the path of a file (``my/forms.yaml``), or several by weight
(``{clean: 1, my/forms.yaml: 3}``). Its own `glyph` and `line` are laid over each of them, key by
key. What comes of it needs no file any more: a plan holds it, and files may change later.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.home import expand_home
from digit_sequence.base.text import suggest
from digit_sequence.config.files import describe_tree, read_yaml
from digit_sequence.config.messages import describe_problems
from digit_sequence.config.sections import LOOK_NAME, Look

FOLDER = Path(__file__).parent / "looks"
"""The looks of this program, a file each, which its package holds."""
SUFFIX = ".yaml"
SECTIONS = tuple(Look.model_fields)


def list_looks() -> dict[str, str]:
    """Return the looks of this program by name: what each is, by the comment its file begins with.

    >>> list_looks()["clean"]
    'Straight digits, evenly spaced, without noise.'
    """
    found = {}
    for path in sorted(FOLDER.glob(f"*{SUFFIX}")):
        lines = re.match(r"(#.*\n)*", path.read_text(encoding="utf-8"))
        comment = lines.group().replace("#", "").split() if lines else []
        found[path.stem] = " ".join(comment)
    return found


def write_out_looks(tree: dict[Any, Any], where: str, folder: Path) -> dict[Any, Any]:
    """Return the tree of a config with the settings of its looks in place of their names.

    Parameters
    ----------
    tree : dict
        As its file has it.
    where : str
        What to call it in messages.
    folder : Path
        What paths of looks are relative to.

    Raises
    ------
    ConfigError
        If there is no such look, two have one name, or a file of one is not sound.
    """
    given = tree.get("look")
    if isinstance(given, str):
        given = {given: 1}
    if not isinstance(given, dict):
        if given is None:
            return tree
        raise ConfigError(
            f"{where}: look: expected a name, a path or {{name: weight}}, got {shorten(given)}"
        )
    over = {name: tree[name] for name in SECTIONS if name in tree}
    looks: dict[str, Any] = {}
    for origin, value in given.items():
        name, look = origin, value
        if not isinstance(value, dict):  # else the look itself, as a plan has it
            path = _find_look(origin, where, folder)
            name, look = path.stem, {**_load_look(path), "weight": value}
        elif name in list_looks() and not set(SECTIONS) <= set(value):
            raise ConfigError(
                f"{where}: look.{name}: expected a weight, or all of a look of one's own, "
                f"{' and '.join(SECTIONS)}, got {shorten(value)}; what is to be different from "
                f"{name} belongs in the config's own {' and '.join(SECTIONS)}"
            )
        if name in looks:
            raise ConfigError(f"{where}: look: two are called {name}; rename the file of one")
        looks[name] = lay_over(look, over)
    rest = {key: value for key, value in tree.items() if key not in SECTIONS}
    return rest | {"look": looks}


def lay_over(tree: Any, over: Any) -> Any:
    """Return a tree with another laid over it: blocks are merged, all else is replaced.

    >>> lay_over({"salt": {"probability": 1, "pixels": [1, 2]}}, {"salt": {"probability": 0.5}})
    {'salt': {'probability': 0.5, 'pixels': [1, 2]}}
    """
    if not (isinstance(tree, dict) and isinstance(over, dict)):
        return over
    return tree | {key: lay_over(tree.get(key), value) for key, value in over.items()}


def _find_look(origin: Any, where: str, folder: Path) -> Path:
    """Return the file of a look that is given by its name or path."""
    names = list_looks()
    if origin in names:
        return FOLDER / f"{origin}{SUFFIX}"
    if not isinstance(origin, str) or not origin.endswith(SUFFIX):
        raise ConfigError(
            f"{where}: look: expected one of {', '.join(names)}, or a path that ends in {SUFFIX}, "
            f"got {shorten(origin)}{suggest(origin, names)}"
        )
    path = folder / expand_home(origin, folder)
    if not re.fullmatch(LOOK_NAME, path.stem):
        raise ConfigError(
            f"{where}: look: expected a file whose name has letters, digits, - _ and . alone, 64 "
            f"at most, got {shorten(path.name)}"
        )
    return path


def _load_look(path: Path) -> dict[str, Any]:
    """Read and check the file of a look; return what it sets, paths in it resolved."""
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path}: expected the keys {' and '.join(SECTIONS)}, got {describe_tree(tree)}"
        )
    try:
        look = Look.model_validate(tree, context=path.parent.absolute())
    except ValidationError as error:
        raise ConfigError(describe_problems(error, str(path), Look)) from None
    return look.model_dump(exclude_unset=True)
