"""Config files become configs, or one error that names every problem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.home import expand_home
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.config.files import describe_tree, read_yaml
from digit_sequence.config.looks import write_out_looks
from digit_sequence.config.messages import describe_problems
from digit_sequence.config.model import Config


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read and check a config file.

    Paths of inputs and looks in it are taken relative to the file; ``output.uri`` is not. ``~`` at
    the beginning of a path is the home directory.

    Parameters
    ----------
    path : path
        A YAML file.
    overrides : iterable of str
        ``section.key=value``, the value in YAML, applied before the checks.

    Raises
    ------
    ConfigError
        With the problems of the file at once, a line each, `messages.MAX_PROBLEMS` at most.
    """
    path = Path(expand_home(str(path)))
    tree = read_yaml(path)
    overrides = [overrides] if isinstance(overrides, str) else overrides
    for override in overrides if isinstance(tree, dict) else ():
        _apply_override(tree, override)
    folder = path.parent.absolute()
    if isinstance(tree, dict):
        tree = write_out_looks(tree, str(path), folder)
    return parse_config(tree, str(path), folder)


def parse_config(tree: object, where: str, folder: Path | None = None) -> Config:
    """Check a config that is already a tree of dicts, lists and scalars.

    Parameters
    ----------
    tree : object
        What the YAML file holds; the looks are written out.
    where : str
        What to call it in messages.
    folder : Path, optional
        What paths of inputs in it are relative to; without it they are left as they are.
    """
    if not isinstance(tree, dict):
        advice = "; digit-sequence new writes a config" if tree is None else ""
        raise ConfigError(f"{where}: expected keys and values, got {describe_tree(tree)}{advice}")
    try:
        return Config.model_validate(tree, context=folder)
    except ValidationError as error:
        raise ConfigError(describe_problems(error, where)) from None


@contextmanager
def naming_file(where: object) -> Iterator[None]:
    """Name the file, if there is one, in errors about keys of a config that come to light later."""
    try:
        yield
    except ConfigError as error:
        is_of_key = re.split("[.:]", str(error), maxsplit=1)[0] in Config.model_fields
        if where is None or not is_of_key:
            raise
        raise ConfigError(f"{where}: {error}") from error


def _apply_override(tree: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not all(dotted.split(".")):
        raise ConfigError(f"--set: expected section.key=value, got {shorten(override)}")
    *parents, key = dotted.split(".")
    block = find_block(tree, parents)
    if block is None:
        raise ConfigError(f"--set: {dotted}: {'.'.join(parents)} holds no keys")
    block[key] = parse_yaml(text, f"--set {dotted}")


def find_block(tree: dict[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the block of a tree that some names lead to, made where it is not there.

    None if one of them is there and holds no keys.
    """
    node: Any = tree
    for name in names:
        if isinstance(node, dict) and node.get(name) is None:
            node[name] = {}
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None
