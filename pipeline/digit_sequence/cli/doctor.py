"""The command ``doctor``."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from digit_sequence.base.errors import PipelineError, how_to_install
from digit_sequence.base.version import __version__
from digit_sequence.cli.options import scheduler_options
from digit_sequence.cli.terminal import describe_bytes, echo, output_options, tell_summary

if TYPE_CHECKING:
    from packaging.requirements import Requirement

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
SECONDS = 20.0
"""That a scheduler has to answer, and to have a worker."""


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it."""

    state: Literal["ok", "note", "bad"]
    subject: str
    text: str


@click.command()
@scheduler_options
@output_options
@click.pass_context
def doctor(ctx: click.Context, /, **scheduler: Any) -> None:
    """Check this machine, and say what to do about what it lacks.

    Versions, folders, optional parts, and the scheduler. Of a scheduler that is given, whether
    it answers, and whether its workers have this program. Exit code 1 if something keeps a
    build from running.
    """
    waiting = "worker_timeout_seconds"
    if ctx.get_parameter_source(waiting) is ParameterSource.DEFAULT:
        scheduler[waiting] = SECONDS
    findings = []
    for check in (
        *(_check_program, _check_extras, _check_engine, _check_folders),
        lambda: _check_scheduler(scheduler),
    ):
        for finding in check():
            findings.append(finding)
            echo(f"{finding.state:5} {finding.subject:12} {finding.text}")
    n_bad = sum(it.state == "bad" for it in findings)
    if n_bad:
        echo(f"{n_bad} to mend before a build can run", err=True)
    else:
        echo("all that a build needs is there")
    tell_summary(sound=not n_bad, findings=[asdict(it) for it in findings])
    if n_bad:
        sys.exit(1)


def _check_program() -> Iterator[Finding]:
    from importlib.metadata import version

    machine = f"{platform.system()} {platform.machine()}"
    yield Finding("ok", "program", f"{describe_versions()} on {machine}")
    needed = _list_requirements("")
    problems = [problem for it in needed if (problem := _find_problem(it))]
    yield from (Finding("bad", "library", problem) for problem in problems)
    if not needed:
        yield Finding("note", "libraries", "unknown: this copy of the program is not installed")
    elif not problems:
        shown = ", ".join(f"{name} {version(name)}" for name in SHOWN)
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
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement

    try:
        found = list(map(Requirement, requires("digit-sequence") or ()))
    except PackageNotFoundError:
        return []
    if not extra:
        return [it for it in found if it.marker is None]
    return [it for it in found if it.marker and it.marker.evaluate({"extra": extra})]


def _find_problem(requirement: Requirement) -> str:
    """Return what is wrong with a package; nothing if it is there in a version that is taken."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name}: expected {requirement.specifier}, got {found}"


def _check_engine() -> Iterator[Finding]:
    from digit_sequence.base.engines import choose_engine

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        engine = choose_engine()
    if engine == "numba":
        yield Finding("ok", "engine", "numba: compiled loops")
    else:
        reason = f"; {notes[0].message}" if notes else ""
        yield Finding("note", "engine", f"scikit-image: the same bytes, but slower{reason}")


def _check_folders() -> Iterator[Finding]:
    from digit_sequence.sources.cache import CACHE_VARIABLE, cache_folder

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
    from digit_sequence.run.limits import count_machine_bytes
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler

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
