"""Compile all loops for the disk, so that no test does: ``python -m tests.kernels``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

import digit_sequence


def main() -> None:
    """Import each module of loops, which compiles what is not on the disk."""
    for module in walk_packages(digit_sequence.__path__, "digit_sequence."):
        if module.name.endswith("kernels"):
            import_module(module.name)


if __name__ == "__main__":
    main()
