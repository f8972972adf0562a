"""The compiled loops of a config: which it needs, and getting them before the first shard.

What has none on the disk yet is compiled: 0.1 to 4 s a module.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

from digit_sequence.base.engines import list_kernels
from digit_sequence.config.model import Config
from digit_sequence.render.layout import has_line_maps

_ALWAYS = ("digit_sequence.render.kernels", "digit_sequence.base.random_kernels")
_OF_MAPS = (
    "digit_sequence.render.mapped_kernels",
    "digit_sequence.transforms.geometry_kernels",
)
_OF_FORMAT = {
    "png": "digit_sequence.codec.deflate_kernels",
    "jpeg": "digit_sequence.codec.jpeg_kernels",
}


def list_modules(config: Config) -> list[str]:
    """Return the modules of all loops that the samples of a config may need, the slowest first."""
    transforms = config.transforms
    found = {name for transform in transforms for name in list_kernels(type(transform))}
    if has_line_maps(config):
        found |= set(_OF_MAPS)
    if any(transform.needs_outlines for transform in transforms):
        found |= {"digit_sequence.render.outlines_kernels"}
    return [_OF_FORMAT[config.output.image], *_ALWAYS, *sorted(found)]


def load_kernels(config: Config) -> None:
    """Load all loops that the samples of a config may need, so that none is compiled later."""
    for name in list_modules(config):
        import_module(name)


def compile_apart(modules: Iterable[str]) -> None:
    """Have modules of loops compiled side by side, each in a fork of this process, for the disk.

    Only for a process with one thread, such as a fork of multiprocessing's fork server.
    """
    if sys.platform == "win32":  # which has no forks
        return
    n_free = os.cpu_count() or 1
    for name in modules:
        if n_free == 0:
            os.wait()
            n_free += 1
        n_free -= 1
        if os.fork() == 0:
            gc.disable()  # a seventh of the time
            with suppress(BaseException):  # those who need it will tell
                import_module(name)
            os._exit(0)
    with suppress(ChildProcessError):  # there are no more
        while True:
            os.wait()
