"""How much memory a task may need: as it was set, or what the machine or its workers have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_USABLE = 0.8
"""Share of its limit above which Dask pauses a worker; the rest is left to others."""
CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""What a container may use: version 2, version 1."""


@dataclass(frozen=True)
class MemoryLimit:
    """What a task may need, and why."""

    n_bytes: int
    origin: str
    """Where the number is from, for people."""


def share_machine(workers: int, given: int | None) -> MemoryLimit:
    """Return the limit that was given, or a worker's share of this machine."""
    if given is not None:
        return _name_option(given)
    machine = count_machine_bytes()
    shared = f", shared by {workers} workers" if workers > 1 else ""
    origin = f"{_USABLE:.0%} of the {machine / 1e6:,.0f} MB of this machine{shared}"
    return MemoryLimit(int(_USABLE * machine / workers), origin)


def limit_workers(limits: Mapping[str, int], given: int | None) -> MemoryLimit | None:
    """Return the limit that was given, or the least of those that Dask sets to its workers.

    Parameters
    ----------
    limits : mapping of str to int
        Bytes for each thread of a worker, by its address; 0: no limit.
    given : int, optional
    """
    if given is not None:
        return _name_option(given)
    bounded = {address: n_bytes for address, n_bytes in limits.items() if n_bytes}
    if not bounded:
        return None
    address = min(bounded, key=lambda address: bounded[address])
    origin = (
        f"{_USABLE:.0%} of the {bounded[address] / 1e6:,.0f} MB that worker {address} has for each "
        "of its threads"
    )
    return MemoryLimit(int(_USABLE * bounded[address]), origin)


def count_machine_bytes() -> int:
    """Return the memory of this machine, or of the container that this process runs in."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUP_FILES:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            found.append(int(Path(path).read_text()))
    return min(found)


def _name_option(n_bytes: int) -> MemoryLimit:
    return MemoryLimit(n_bytes, "--memory-limit")
