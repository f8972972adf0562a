"""Build labelled image datasets of handwritten numbers, in parallel and reproducibly.

Whatever a command does, a program does by these; each is imported when it is asked for::

    from digit_sequence import build, export, load_config, open_config, open_dataset, verify

The page README.md of this package has ten lines for each.
"""

from digit_sequence.base.version import __version__

TYPE_CHECKING = False  # as that of typing, whose import takes longer than this one
if TYPE_CHECKING:
    from digit_sequence.base.errors import PipelineError
    from digit_sequence.building.number_images import draw_number
    from digit_sequence.building.programs import (
        build,
        describe_status,
        find_status,
        plan_build,
        verify,
    )
    from digit_sequence.building.sampler import Sampler
    from digit_sequence.config.loading import load_config
    from digit_sequence.exports.programs import export
    from digit_sequence.learn.ablating import ablate as ablate
    from digit_sequence.learn.programs import train as train
    from digit_sequence.learn.reader import Reader as Reader
    from digit_sequence.learn.reading import read_crops as read_crops
    from digit_sequence.live.dataset import draw_sample, open_config
    from digit_sequence.look.preview import draw_preview
    from digit_sequence.match.match import match_folder
    from digit_sequence.read.dataset import open_dataset
    from digit_sequence.report.programs import draw_report as draw_report
    from digit_sequence.run.machine import check_machine

__all__ = [
    "PipelineError",
    "Sampler",
    "__version__",
    "build",
    "check_machine",
    "describe_status",
    "draw_number",
    "draw_preview",
    "draw_sample",
    "export",
    "find_status",
    "load_config",
    "match_folder",
    "open_config",
    "open_dataset",
    "plan_build",
    "verify",
]
_OF_EXTRAS = ["Reader", "ablate", "draw_report", "read_crops", "train"]
"""What `import *` leaves out, since it needs packages that may not be there."""

_HOMES = {
    "PipelineError": ".base.errors",
    "Reader": ".learn.reader",
    "Sampler": ".building.sampler",
    "ablate": ".learn.ablating",
    "build": ".building.programs",
    "check_machine": ".run.machine",
    "describe_status": ".building.programs",
    "draw_number": ".building.number_images",
    "draw_preview": ".look.preview",
    "draw_report": ".report.programs",
    "draw_sample": ".live.dataset",
    "export": ".exports.programs",
    "find_status": ".building.programs",
    "load_config": ".config.loading",
    "match_folder": ".match.match",
    "open_config": ".live.dataset",
    "open_dataset": ".read.dataset",
    "plan_build": ".building.programs",
    "read_crops": ".learn.reading",
    "train": ".learn.programs",
    "verify": ".building.programs",
}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415

    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_OF_EXTRAS})
