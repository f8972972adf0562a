"""Test samples with a digit of t10k that people do not read as its label says.

A network that reads such a digit as people do is told that it is wrong. So where a dataset has kept
them (`keep_doubtful` of the source mnist), exact match is told with these samples and without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sequence.base.names import MANIFEST_PATH
from digit_sequence.base.text import count_things
from digit_sequence.learn.label_files import match_dataset
from digit_sequence.learn.report import Reading, measure
from digit_sequence.live.dataset import DrawnDataset
from digit_sequence.read.dataset import Dataset, open_dataset
from digit_sequence.read.splits import Splits
from digit_sequence.sources.bank import parse_bank
from digit_sequence.sources.mnist import DOUBTFUL, Mnist
from digit_sequence.store.glyphs import GLYPHS_PATH
from digit_sequence.store.storage import Storage

_WHAT = f"of the {len(DOUBTFUL)} digits of t10k that most people do not read as labelled"
WITHOUT = "without doubtful"
"""What is added to the name of a result."""


@dataclass(frozen=True)
class Doubtful:
    """The doubtful digits of the source of a dataset."""

    glyph_ids: frozenset[int]
    """Those that the dataset may show; none if it leaves them out."""

    def find(self, glyph_ids: Iterable[Sequence[int]]) -> NDArray[np.bool_]:
        """Return which samples show one, by the glyphs of each."""
        return np.array([not self.glyph_ids.isdisjoint(ids) for ids in glyph_ids], np.bool_)

    def describe(self, name: str, n_shown: int) -> str:
        """Say in a sentence how many samples of what is called so show one."""
        if not self.glyph_ids:
            return f"{name}: shows none {_WHAT}; the dataset leaves them out"
        return f"{name}: {count_things(n_shown, 'sample')} with one {_WHAT}"


def open_doubtful(dataset: Splits) -> Doubtful | None:
    """Return the doubtful digits of the source of a dataset; None if its source has none."""
    try:
        if isinstance(dataset, DrawnDataset):
            sampler = dataset.sampler
            source = sampler.plan.config.source.model_dump(mode="json")
            return _find_doubtful(source, lambda: sampler.bank.origins)
        if isinstance(dataset, Dataset):
            uri, plan = dataset.uri, dataset.manifest["plan"]
            return _find_doubtful(plan["config"]["source"], lambda: _read_origins(uri, plan))
    except (AttributeError, LookupError, OSError, TypeError, ValueError):
        pass  # a manifest of others, or no glyphs: that shall end no training
    return None


def _read_origins(uri: str, plan: Mapping[str, Any]) -> Any:
    return parse_bank(Storage(uri).read(GLYPHS_PATH), plan["source_digest"]).origins


def _find_doubtful(source: Mapping[str, Any], read_origins: Callable[[], Any]) -> Doubtful | None:
    parts = source["parts"] if source["name"] == "mix" else {"": {"source": source}}
    blocks = [parts[name]["source"] for name in sorted(parts)]
    kept = [place for place, it in enumerate(blocks) if it.get("keep_doubtful")]
    if all(block["name"] != Mnist.name for block in blocks):
        return None
    begins = [0]
    if kept and len(blocks) > 1:
        origins = read_origins()
        begins = [int((origins < place).sum()) for place in range(len(blocks))]
    return Doubtful(frozenset(begins[place] + glyph for place in kept for glyph in DOUBTFUL))


def find_doubtful(
    path: Path, crops: Mapping[str, Path]
) -> tuple[Doubtful, NDArray[np.bool_]] | None:
    """Return the doubtful digits of a dataset, and which crops of its images show one.

    Parameters
    ----------
    path : Path
        Of labels; None is returned if it is no dataset, or one of a source without such digits.
    crops : mapping of str to Path
        All in the dataset.
    """
    if not (path / MANIFEST_PATH).exists():
        return None
    dataset = open_dataset(path)
    doubtful = open_doubtful(dataset)
    if doubtful is None:
        return None
    glyph_ids = match_dataset(dataset, path, crops, "glyph_ids")
    return doubtful, doubtful.find(glyph_ids[name] for name in crops)


def measure_both(
    name: str, reading: Reading, is_doubtful: NDArray[np.bool_]
) -> dict[str, dict[str, Any]]:
    """Measure what was read under a name and, if only some samples are doubtful, the others."""
    results = {name: measure(reading)}
    if is_doubtful.any() and not is_doubtful.all():
        results[f"{name} {WITHOUT}"] = measure(reading.choose(~is_doubtful))
    return results
