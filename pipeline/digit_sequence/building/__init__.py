"""Shards of a plan become files; whether they are sound; how far a build is.

`run` runs its tasks, `store` has its files.
"""

from pathlib import Path

_SOURCE = Path(__file__).parents[1]
_KERNELS = (path.relative_to(_SOURCE.parent) for path in _SOURCE.rglob("*kernels.py"))
WORKER_MODULES = (
    f"{__name__}.dataset",
    *sorted(".".join(path.with_suffix("").parts) for path in _KERNELS),
)
"""What the tasks of a build import; compiled loops are not there without numba."""
