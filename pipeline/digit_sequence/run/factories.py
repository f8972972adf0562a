"""Clusters of the user's own: functions named by ``module:factory`` or ``path.py:factory``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.installation import find_pip
from digit_sequence.run.cluster import connect


@contextmanager
def open_factory(name: str, factory: Callable[[], Any]) -> Iterator[Any]:
    """Have the cluster that a function makes; give a client of it.

    Parameters
    ----------
    name : str
        ``module:factory``.
    factory : callable
        What it names.

    Raises
    ------
    ConfigError
        If it makes none, or one that does not run.
    """
    cluster = _call_factory(name, factory)
    with ExitStack() as stack:
        try:
            client = stack.enter_context(connect(stack.enter_context(cluster)))
        except Exception as error:  # whatever a cluster's package raises
            raise ConfigError(
                f"--cluster: {name}: expected a Dask cluster that runs, got {shorten(cluster)}: "
                f"{type(error).__name__}: {error}"
            ) from error
        yield client


def _call_factory(name: str, factory: Callable[[], Any]) -> Any:
    try:
        cluster = factory()
        if isinstance(cluster, type) or not hasattr(cluster, "scheduler_address"):
            raise TypeError(f"expected a Dask cluster from {name}, got {cluster!r}")
        return cluster
    except (Exception, SystemExit) as error:  # whatever a cluster's package raises
        _, *frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[0].filename}:{frames[0].lineno}" if frames else name
        told = f"--cluster: {place}: {type(error).__name__}: {error}"
        if isinstance(error, ImportError) and error.name:
            package = error.name.partition(".")[0].replace("_", "-")
            told += f"; it needs the package {package}: {find_pip()} {package}"
        raise ConfigError(told) from error


def load_factory(name: str) -> Callable[[], Any]:
    """Load the function that ``module:factory`` or ``path.py:factory`` names.

    Raises
    ------
    ConfigError
        If there is none.
    """
    module_name, colon, factory_name = name.rpartition(":")
    try:
        if not colon:
            raise ValueError("there is no colon")
        if module_name.endswith(".py"):
            spec = spec_from_file_location(Path(module_name).stem, module_name)
            assert spec is not None
            assert spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            # Last: nothing there may take the place of what is installed, in workers neither.
            with suppress(FileNotFoundError):  # it was deleted
                sys.path.append(str(Path.cwd()))
            module = import_module(module_name)
        factory: Callable[[], Any] = getattr(module, factory_name)
        if not callable(factory):
            raise ValueError(f"{factory_name} is not a function")
    except (Exception, SystemExit) as error:  # whatever the module raises
        raise ConfigError(
            f"--cluster: expected module:factory or path.py:factory, got {name!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return factory
