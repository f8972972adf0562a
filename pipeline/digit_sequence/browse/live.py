"""A config, some of whose samples are drawn, to be browsed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from shlex import quote
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from digit_sequence.browse.collection import HeldCollection
from digit_sequence.building.sampler import Sampler
from digit_sequence.report.subject import LiveSubject, Picture


class LiveCollection(HeldCollection):
    """A config, of which some samples of each split are drawn.

    Parameters
    ----------
    name : str
        Path of the config.
    sampler : Sampler
    count : int
        Samples of each split, at most.
    on_progress : callable
        Called with the samples that were drawn, and True.
    """

    kind = "config, drawn live"

    def __init__(
        self,
        name: str,
        sampler: Sampler,
        count: int,
        on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
    ) -> None:
        self._subject = LiveSubject(name, sampler, count)
        self._sampler = sampler
        self.name, self.faults = name, []
        self.samples = self._subject.planned
        tables = []
        for batch in self._subject.read_batches():
            tables.append(batch.rows)
            on_progress(len(batch), True)
        self._rows = pa.concat_tables(tables)

    def load(self, keys: Sequence[str], with_masks: bool) -> list[Picture | str]:
        """Draw some samples."""
        places = {key: self.find_key(key) for key in keys}
        found: dict[tuple[str, int], Picture | str] = {}
        for split, group in groupby(sorted(set(places.values())), lambda place: place[0]):
            own = [ordinal for _, ordinal in group]
            pictures = self._subject.load(split, own, with_masks)
            found |= {(it.split, it.ordinal): it for it in pictures}
        return [found[places[key]] for key in keys]

    def write_command(
        self, origin: str, key: str, settings: Mapping[str, Any] = MappingProxyType({})
    ) -> str:
        """Return the command that draws a sample again, or some by other settings."""
        if not settings:
            return super().write_command(origin, key)
        words = (f"{path}={json.dumps(value)}" for path, value in settings.items())
        changes = " ".join(f"--set {quote(it)}" for it in words)
        return f"digit-sequence preview {quote(origin)} {changes}"

    @property
    def sampler(self) -> Sampler:
        """What draws its samples anew."""
        return self._sampler
