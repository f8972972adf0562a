"""All that the tasks of a build import: the process whose forks local workers are imports this."""

from contextlib import suppress
from importlib import import_module
from pathlib import Path

import digit_sequence.building.dataset  # noqa: F401

_SOURCE = Path(__file__).parents[1]

with suppress(ImportError):  # numba is not there, or cannot start
    import_module("digit_sequence.base.compiled")
    for path in sorted(_SOURCE.rglob("*kernels.py")):
        import_module(".".join(path.relative_to(_SOURCE.parent).with_suffix("").parts))
