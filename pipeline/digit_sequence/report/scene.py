"""What panels look at beside label rows: images of the dataset, real crops, a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from digit_sequence.match.crops import Crop
from digit_sequence.report.census import Census
from digit_sequence.report.subject import Picture, Subject

SAMPLE = 600
"""Images that are measured and read."""
RUN = 12
"""Of them beside each other, so that they are in few shards."""


@dataclass(frozen=True)
class Scene:
    """A dataset, and what it is to be compared with."""

    subject: Subject
    samples: Mapping[str, int]
    """Label rows that were read, of each split."""
    census: Census
    """Counts over all of them."""
    crops: list[Crop] | None = None
    """Real ones, of the height of the dataset's images."""
    weights: Path | None = None
    """Of the reference network."""

    @cached_property
    def pictures(self) -> list[Picture]:
        """Images of all splits, evenly spread over their samples; `SAMPLE` at most."""
        return self.take(SAMPLE)

    def take(self, count: int) -> list[Picture]:
        """Return so many images: runs of `RUN`, evenly spread over the samples of all splits."""
        total = sum(self.samples.values())
        starts = np.linspace(0, max(0, total - RUN), -(-min(count, total) // RUN))
        runs = starts.astype(np.int64)[:, None] + np.arange(RUN)
        places = np.unique(runs[runs < total])
        pictures: list[Picture] = []
        start = 0
        for split, n_samples in self.samples.items():
            own = places[(places >= start) & (places < start + n_samples)] - start
            pictures += self.subject.load(split, own.tolist())
            start += n_samples
        return pictures
