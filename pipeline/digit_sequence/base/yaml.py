"""YAML to a tree of dicts, lists and scalars, in time and memory that the text's length bounds."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from digit_sequence.base.errors import ConfigError

MAX_ALIASED = 1_000_000
"""Characters that a text may stand for, at most, if its aliases make them more than it has."""
_MAX_PROBLEM = 300
"""Characters of a parser's own words, at most."""


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML 1.2 without tags that make objects; a key that is given twice is an error.

    Parameters
    ----------
    text : str
    where : str
        What to call it in messages.

    Raises
    ------
    ConfigError
        If it is not YAML, or its aliases stand for far more than is written.
    """
    try:
        return deepcopy(_load(text))
    except RecursionError as error:
        raise ConfigError(f"{where}: nested too deeply to read") from error
    except Exception as error:  # a YAMLError, or anything at all for scalars such as `!!bool x`
        problem = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
        if len(problem) > _MAX_PROBLEM:
            problem = f"{problem[:_MAX_PROBLEM]} ..."
        begun, met = _find_places(error, text)
        line = f"{begun}: " if begun else ""
        raise ConfigError(f"{where}: {line}not readable as YAML: {problem}{met}") from error


def _find_places(error: Exception, text: str) -> tuple[str, str]:
    """Return where a mistake seems to be, and if the parser met it further down, where.

    A key without its colon, a bracket or a quote that is not closed are met where they do not go
    on: what the parser was at began with the mistake. Of a key without its colon above a key it
    says no more than that there is a colon too many.
    """
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return "", ""
    met = f"line {mark.line + 1}, column {mark.column + 1}"
    if context and re.search("scanning|flow", getattr(error, "context", None) or ""):
        if context.line < mark.line:
            return f"line {context.line + 1}, column {context.column + 1}", f" at {met}"
    elif getattr(error, "problem", None) == "mapping values are not allowed here":
        *above, last = text.split("\n")[: mark.line + 1]
        lines = [row for row, line in enumerate(above) if line.strip()]
        if lines and ": " not in last[: mark.column]:
            return f"line {lines[-1] + 1}", f" at {met}; is there a colon too few?"
    return met, ""


@lru_cache(maxsize=32)
def _load(text: str) -> Any:
    """Parse a text: once a process, for some looks take a tenth of a second, and are read often."""
    if "*" in text:
        _check_aliases(text)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    return yaml.load(text)


class _Constructor(SafeConstructor):
    """Leaves a date that no calendar has, such as 2024-02-30, as text: the check names its key."""

    def construct_yaml_timestamp(self, node: Node, values: Any = None) -> Any:
        """Return the date, or the text."""
        try:
            return super().construct_yaml_timestamp(node, values)
        except ValueError:
            return node.value


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_yaml_timestamp)


class _AliasError(ValueError):
    """Aliases that stand for too much."""

    def __init__(self, problem: str, node: Node) -> None:
        super().__init__(problem)
        self.problem = problem
        self.problem_mark = node.start_mark


def _check_aliases(text: str) -> None:
    """Raise an error if a text stands for far more than it has characters.

    Nine levels of ten aliases each are a billion values in 300 characters. Whoever looks at each
    hangs: the merging of keys (``<<``), the checks of a config, a message.
    """
    root = YAML(typ="safe", pure=True).compose(text)
    if root is not None:
        _measure_node(root, max(2 * len(text), MAX_ALIASED), {})


def _measure_node(node: Node, limit: int, counts: dict[int, int]) -> int:
    """Return how many characters and values a node stands for; each is measured once, by its id."""
    key = id(node)
    if key in counts:
        if counts[key] == 0:
            raise _AliasError("an alias stands for something that it is in", node)
        return counts[key]
    counts[key] = 0
    total = 1 if isinstance(node, SequenceNode | MappingNode) else 1 + len(node.value)
    children: Any = ()
    if isinstance(node, SequenceNode):
        children = node.value
    elif isinstance(node, MappingNode):
        children = (part for pair in node.value for part in pair)
    for child in children:
        total += _measure_node(child, limit, counts)
        if total > limit:
            raise _AliasError(f"its aliases stand for more than {limit:,} characters", node)
    counts[key] = total
    return total
