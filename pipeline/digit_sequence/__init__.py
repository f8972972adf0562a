"""Build labelled image datasets of handwritten numbers, in parallel and reproducibly.

Programs use these five; each is imported when it is asked for::

    from digit_sequence import Sampler, build, load_config, open_config, open_dataset
"""

from digit_sequence.base.version import __version__

TYPE_CHECKING = False  # as that of typing, whose import takes longer than this one
if TYPE_CHECKING:
    from digit_sequence.building.programs import build
    from digit_sequence.building.sampler import Sampler
    from digit_sequence.config.loading import load_config
    from digit_sequence.live.dataset import open_config
    from digit_sequence.read.dataset import open_dataset

__all__ = ["Sampler", "__version__", "build", "load_config", "open_config", "open_dataset"]

_HOMES = {
    "build": ".building.programs",
    "Sampler": ".building.sampler",
    "load_config": ".config.loading",
    "open_config": ".live.dataset",
    "open_dataset": ".read.dataset",
}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415

    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
