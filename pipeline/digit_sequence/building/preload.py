"""All that the tasks of any build import: the process whose forks local workers are imports this.

The loops of one config are loaded when it is known, see `compiling`.
"""

import gc
from contextlib import suppress
from importlib import import_module

gc.disable()  # a sixth of the time: whatever is imported stays
import distributed  # noqa: E402, F401

import digit_sequence.building.dataset  # noqa: E402, F401

with suppress(ImportError):  # numba is not there, or cannot start
    import_module("digit_sequence.base.compiled")  # first, for it knows why numba cannot start
    import_module("digit_sequence.base.random_kernels")
gc.freeze()
gc.enable()
