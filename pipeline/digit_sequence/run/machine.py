"""Whether a machine can build: versions, folders, optional parts, scheduler, and what to do."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from digit_sequence.base.engines import choose_engine
from digit_sequence.base.errors import PipelineError
from digit_sequence.base.installation import how_to_install
from digit_sequence.base.text import describe_bytes
from digit_sequence.base.version import __version__
from digit_sequence.run.limits import count_machine_bytes
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.sources.cache import CACHE_VARIABLE, cache_folder

PURPOSES = {
    "mnist-5k": "5,000 digits without a network",
    "fast": "compiled loops, several times as fast",
    "dashboard": "the dashboard of Dask, and performance reports",
    "report": "the page about a dataset",
    "browse": "the explorer of datasets",
    "torch": "training, reading and PyTorch datasets",
    "lmdb": "export to LMDB",
}
"""What the optional parts are for."""
SHOWN = ("dask", "distributed", "numpy", "scikit-image", "pyarrow")
"""Libraries whose versions are told: those that other machines must agree on."""
LEAST_BYTES = 10**9
"""Free on a disk that is no worry."""


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it."""

    state: Literal["ok", "note", "bad"]
    subject: str
    text: str


def check_machine(**scheduler: Any) -> Iterator[Finding]:
    """Check what a build needs, as ``digit-sequence doctor`` does; yield each finding as it comes.

    Parameters
    ----------
    **scheduler
        As of `build`: whether it answers, and whether its workers have this program.
    """
    yield from _check_program()
    yield from _check_extras()
    yield from _check_engine()
    yield from _check_folders()
    yield from _check_scheduler(scheduler)


def _check_program() -> Iterator[Finding]:
    machine = f"{platform.system()} {platform.machine()}"
    yield Finding("ok", "program", f"{describe_versions()} on {machine}")
    needed = _list_requirements("")
    problems = [problem for it in needed if (problem := _find_problem(it))]
    yield from (Finding("bad", "library", problem) for problem in problems)
    if not needed:
        yield Finding("note", "libraries", "unknown: this copy of the program is not installed")
    elif not problems:
        shown = ", ".join(f"{name} {metadata.version(name)}" for name in SHOWN)
        yield Finding("ok", "libraries", f"all that it needs, in versions that it takes: {shown}")


def _check_extras() -> Iterator[Finding]:
    for extra, purpose in PURPOSES.items():
        problems = [problem for it in _list_requirements(extra) if (problem := _find_problem(it))]
        if problems:
            text = f"{purpose}: {', '.join(problems)}; {how_to_install(extra)}"
            yield Finding("note", extra, text)
        else:
            yield Finding("ok", extra, purpose)


def _list_requirements(extra: str) -> list[Requirement]:
    """Return the packages that an extra of this program needs; with none, those of itself."""
    try:
        found = list(map(Requirement, metadata.requires("digit-sequence") or ()))
    except metadata.PackageNotFoundError:
        return []
    if not extra:
        return [it for it in found if it.marker is None]
    return [it for it in found if it.marker and it.marker.evaluate({"extra": extra})]


def _find_problem(requirement: Requirement) -> str:
    """Return what is wrong with a package; nothing if it is there in a version that is taken."""
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name}: expected {requirement.specifier}, got {found}"


def _check_engine() -> Iterator[Finding]:
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        engine = choose_engine()
    if engine == "numba":
        yield Finding("ok", "engine", "numba: compiled loops")
    else:
        reason = f"; {notes[0].message}" if notes else ""
        yield Finding("note", "engine", f"scikit-image: the same bytes, but slower{reason}")


def _check_folders() -> Iterator[Finding]:
    yield _check_folder("this folder", Path.cwd, "build elsewhere: --output")
    yield _check_folder("cache", cache_folder, f"name another folder in {CACHE_VARIABLE}")


def _check_folder(subject: str, find: Callable[[], Path], remedy: str) -> Finding:
    """Write a file into a folder, which is made if there is none, and look at its disk."""
    folder: Path | str = ""
    try:
        folder = find()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except PipelineError as error:
        return Finding("bad", subject, str(error))
    except OSError as error:
        text = f"{folder}: cannot be written to: {error.strerror or error}; {remedy}"
        return Finding("bad", subject, text)
    state: Literal["ok", "note"] = "ok" if free >= LEAST_BYTES else "note"
    return Finding(state, subject, f"{folder}: can be written to, {describe_bytes(free)} free")


def _check_scheduler(given: dict[str, Any]) -> Iterator[Finding]:
    memory = describe_bytes(count_machine_bytes())
    yield Finding("ok", "machine", f"{os.cpu_count()} cores, {memory} of memory")
    try:
        with open_scheduler(SchedulerOptions(**given)) as run:
            yield Finding("ok", "scheduler", f"{run.kind}: {run.threads} tasks at a time")
            for worker, found in run.probe(describe_versions, ()).items():
                if isinstance(found, BaseException):
                    text = f"{worker} cannot take part: {found}; install this program there"
                    yield Finding("bad", "worker", text)
                elif found != describe_versions():
                    text = f"{worker}: expected {describe_versions()}, as here, got {found}"
                    yield Finding("note", "worker", text)
    except PipelineError as error:
        yield Finding("bad", "scheduler", str(error))


def describe_versions() -> str:
    """Return the versions of this program and of Python, where it is called."""
    return f"digit-sequence {__version__}, Python {platform.python_version()}"
