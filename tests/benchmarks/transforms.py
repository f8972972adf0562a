"""Measure what each transform and each look costs, with both engines.

``python -m tests.benchmarks.transforms`` prints a row for each of the registry: microseconds of
processor time that an image of five digits, 28 x 200 pixels, takes more with the transform's
example on than without, both in turn; the least of some turns. Looks are measured as a whole.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from digit_sequence.base.engines import Engine
from digit_sequence.building.sampler import Sampler, open_sampler
from digit_sequence.config.loading import parse_config
from digit_sequence.config.looks import list_looks, write_out_looks
from digit_sequence.transforms.registry import TRANSFORMS

PLAIN: dict[str, Any] = {
    "source": {"name": "mnist-5k"},
    "splits": {"train": {"numbers": {"values": ["14543"]}, "samples": 10**6}},
    "glyph": {"crop": {"margin": 2}},
    "line": {"spacing": [4, 4]},
}
SAMPLES: dict[Engine, int] = {"numba": 1000, "skimage": 100}


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    print("| transform or look | numba, us | scikit-image, us |\n| --- | ---: | ---: |")
    plain = {engine: _open(PLAIN, engine) for engine in SAMPLES}
    costs = [min(_measure(sampler) for _ in range(turns)) for sampler in plain.values()]
    print(f"| (crop and spacing alone) | {costs[0]:.1f} | {costs[1]:.0f} |")
    for transform in (it for it in TRANSFORMS.values() if it.example is not None):
        section = {**PLAIN[transform.section], transform.name: transform.example}
        tree = {**PLAIN, transform.section: section}
        costs = [_compare(_open(tree, engine), sampler, turns) for engine, sampler in plain.items()]
        print(f"| `{transform.section}.{transform.name}` | {costs[0]:+.1f} | {costs[1]:+.0f} |")
    for look in list_looks():
        tree = write_out_looks({**PLAIN, "look": look, "glyph": {}, "line": {}}, look, Path())
        samplers = [_open(tree, engine) for engine in SAMPLES]
        costs = [min(_measure(sampler) for _ in range(turns)) for sampler in samplers]
        print(f"| look `{look}` | {costs[0]:.1f} | {costs[1]:.0f} |")


def _open(tree: dict[str, Any], engine: Engine) -> Sampler:
    sampler = open_sampler(parse_config(tree, "benchmark"), engine)
    sampler.draw("train", 0, SAMPLES[engine])
    return sampler


def _compare(sampler: Sampler, plain: Sampler, turns: int) -> float:
    spent = [(_measure(sampler), _measure(plain)) for _ in range(turns)]
    more, less = map(min, zip(*spent, strict=True))
    return more - less


def _measure(sampler: Sampler) -> float:
    count = SAMPLES[sampler.engine]
    begin = time.process_time()
    sampler.draw("train", 0, count)
    return (time.process_time() - begin) / count * 1e6


if __name__ == "__main__":
    main()
