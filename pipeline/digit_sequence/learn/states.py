"""Where in an epoch a job is, as a few plain values: what it goes on with, here or elsewhere.

======================  ==========================================================================
version                 of this table
dataset, seed, shuffle  what decides the order
epoch, samples          how much of which epoch all ranks have done together: its first samples
turn, begun, of         of one worker or rank alone: steps until its own, what it has of that, and
                        which of how many it is
======================  ==========================================================================

The first two lines go on with any number of ranks and workers; the last one, if it says more than
that nothing is begun, with the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.deal import Place
from digit_sequence.read.split import Split

VERSION = 1


def identify_split(split: Split) -> str:
    """Name the samples of a split: the same text for the same samples in the same order."""
    ordinals = split.ordinals
    if isinstance(ordinals, range) and ordinals.step == 1:
        which = f"{ordinals.start}-{ordinals.stop}"
    else:
        chosen = np.asarray(ordinals, np.int64)
        which = f"{len(chosen)}-{zlib.crc32(chosen.tobytes()):08x}"
    return f"{split.dataset.fingerprint[:16]}/{split.name}/{which}"


def check_state(state: Mapping[str, Any], identity: Mapping[str, Any], n_samples: int) -> None:
    """Refuse a state that was saved elsewhere, or is none.

    Parameters
    ----------
    state : mapping
    identity : mapping
        What it must have the same of.
    n_samples : int
        Of an epoch.

    Raises
    ------
    ConfigError
        That says what differs.
    """
    if not isinstance(state, Mapping):
        raise ConfigError(f"state: expected what state_dict returns, got {type(state).__name__}")
    expected = {"version": VERSION, **identity}
    differing = [
        f"{name} {value}, as here, got {state.get(name)}"
        for name, value in expected.items()
        if state.get(name) != value
    ]
    if differing:
        raise ConfigError(
            f"state: expected {'; '.join(differing)}; go on with what it was saved with, or from "
            "the beginning of an epoch"
        )
    for name, limit in (("epoch", 1 << 62), ("samples", n_samples)):
        if not (type(state.get(name)) is int and 0 <= state[name] <= limit):
            raise ConfigError(
                f"state: {name}: expected 0 to {limit:,}, got {state.get(name)}; go on from the "
                "beginning of an epoch"
            )


def check_batch_size(state: Mapping[str, Any], place: Place, batch_size: int) -> None:
    """Refuse to cut batches of another size where one worker or rank goes on by itself."""
    saved = state.get("batch_size")
    if saved not in (None, batch_size) and (place.turn or place.begun):
        raise ConfigError(
            f"state: expected that of batches of {batch_size:,} samples, as here, got {saved}; go "
            "on with what it was saved with, or with what state_after returned"
        )
