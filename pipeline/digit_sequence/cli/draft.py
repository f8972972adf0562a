"""A config that is not written yet: its text, a sheet of its samples, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any

from digit_sequence.building.programs import choose_output
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.new_config import write_config
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import note
from digit_sequence.cli.wishes import CHECKS, TRAIN, Wishes, find_default
from digit_sequence.exports import EXPORTS
from digit_sequence.look.preview import draw_tiles, lay_out
from digit_sequence.match.match import N_ROUNDS, Match, match_folder
from digit_sequence.match.sheet import draw_match
from digit_sequence.plan.plan import Plan

SHOWN = 12
"""Samples of each split on the sheet."""


@dataclass(frozen=True)
class Draft:
    """A config that is not written yet."""

    path: Path
    text: str
    picture: bytes
    """A sheet of its samples, as PNG."""
    shown: str
    """What is on it."""
    commands: tuple[str, ...]
    """What comes next."""
    lacking: str | None
    """The extra that they need and that is not installed, which has the name of its package."""

    @property
    def sheet(self) -> Path:
        """Where the sheet stands."""
        return self.path.with_suffix(".png")


def make_draft(
    wishes: Mapping[str, Any], path: Path, crops: str | None, labels: str | None
) -> Draft:
    """Make a config and draw its sheet.

    Parameters
    ----------
    wishes : mapping of str
        Checked, by name; those that lack have their defaults.
    path : Path
        Of the config.
    crops, labels : str, optional
        A folder of real crops whose numbers and look it is to have, and their labels.
    """
    complete = dict(wishes)
    for name in CHECKS:
        complete.setdefault(name, find_default(name, complete))
    wanted = Wishes(**complete)
    match = None if crops is None else _match(crops, labels)
    text, plan = write_config(wanted, path, None if match is None else match.text)
    sampler = open_sampler(plan.config)
    if match is not None:
        picture = draw_match(match)
        shown = "your crops beside built ones, to be published only if they may be"
    else:
        picture, n_samples = lay_out(draw_tiles(sampler, SHOWN))
        shown = f"{n_samples} samples of it"
    needed = "torch" if wanted.trainer == TRAIN else EXPORTS[wanted.trainer].package
    lacking = needed if needed and not find_spec(needed) else None
    return Draft(path, text, picture, shown, _list_next(wanted, plan, path, crops), lacking)


@lru_cache(maxsize=1)
def _match(crops: str, labels: str | None) -> Match:
    with show_progress(N_ROUNDS, unit="round") as on_progress:
        found = match_folder(Path(crops), labels, on_progress=on_progress)
    for text in found.notes:
        note(text)
    return found


def _list_next(wishes: Wishes, plan: Plan, path: Path, crops: str | None) -> tuple[str, ...]:
    """Return the commands that come next."""
    out = choose_output(plan.config, path)
    commands = [f"digit-sequence build {quote(str(path))}"]
    if wishes.trainer == TRAIN:
        run = Path("runs", Path(out).name)
        commands += [
            f"digit-sequence train {quote(out)}",
            f"digit-sequence read {quote(str(run))} {quote(crops or 'CROPS')}",
        ]
    else:
        kind = EXPORTS[wishes.trainer]
        longest = max(split.numbers.max_digits for split in plan.splits.values())
        is_long = kind.max_digits is not None and longest > kind.max_digits
        more = f" --max-digits {longest}" if is_long else ""
        folder = quote(f"{out}-{kind.name}")
        commands.append(f"digit-sequence export {quote(out)} --to {kind.name} -o {folder}{more}")
    return tuple(commands)
