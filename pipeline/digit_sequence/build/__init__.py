"""Building datasets: the sampler, shards, whole datasets, memory; verify, repair and status.

Imports from run, store, render, plan, config, sources and those below. The package itself can be
called: ``digit_sequence.build(...)`` is `digit_sequence.build.programs.build`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Build(ModuleType):
    """The package, which has the name of the function that programs call."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return import_module(f"{__name__}.programs").build(*args, **options)


sys.modules[__name__].__class__ = _Build
