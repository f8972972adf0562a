"""Shards of a plan become files; whether they are sound; how far a build is.

Imports from everything above it in the house: `run` runs its tasks, `store` has its files.
"""

WORKER_MODULES = ("digit_sequence.build.dataset", "digit_sequence.render.kernels")
"""What the tasks of a build import; the last one is not there without numba."""
